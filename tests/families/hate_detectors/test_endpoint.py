"""A detector behind an HTTP endpoint is a factory that calls it; its labels are independent probabilities."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import builtin_checks.hate_detectors as family
import pytest_trustml as tm
from tests.families.hate_detectors.running import run, value
from tests.families.hate_detectors.scripted import Detector, posts

ADDRESS = {}


class Moderation(BaseHTTPRequestHandler):
    """Answers a list of texts with the probabilities of two labels that do not exclude each other."""

    def do_POST(self):
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shares = [Detector("keywords").judge_one(text) for text in texts]
        body = json.dumps([[share, share / 2] for share in shares]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Endpoint:
    """What a user would write: the labels, and one call per batch."""

    labels = ("toxic", "threat")
    fingerprint = "moderation 2026-01"

    def predict_proba(self, texts):
        request = urllib.request.Request(ADDRESS["url"], json.dumps(list(texts)).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return np.array(json.load(answer))


@pytest.fixture
def server():
    served = ThreadingHTTPServer(("127.0.0.1", 0), Moderation)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    ADDRESS["url"] = f"http://127.0.0.1:{served.server_port}/"
    yield
    served.shutdown()
    thread.join()
    served.server_close()


def test_an_endpoint_is_judged_and_attacked_like_a_model(server, tmp_path):
    model = tm.open_subject(f"py:{__name__}:Endpoint")
    about = {"hate_label": "toxic,threat", "head": "probability"}
    data = {"texts": posts(120)}
    record = run(family.quality, model, tmp_path, data, **about)
    assert value(record, "recall").value == 1 and value(record, "fpr").value == 0
    attacked = run(family.evasion, model, tmp_path, data, max_texts=40, diagnose=False, **about)
    assert attacked.outcome == "FAIL" and value(attacked, "attack_success_rate").value > 0.9


def test_two_labels_that_both_sound_like_hate_have_to_be_told_apart(server, tmp_path):
    model = tm.open_subject(f"py:{__name__}:Endpoint")
    with pytest.raises(tm.UsageError, match="More than one of the detector's classes \\('toxic', 'threat'\\)"):
        run(family.quality, model, tmp_path, {"texts": posts(40)})
