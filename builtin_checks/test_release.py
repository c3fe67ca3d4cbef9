"""The shipped suite: one test per selected check. Collected when pytest is given a model and no test paths."""


def test_release(trustml_check, trustml, trustml_judge):
    trustml_judge(trustml_check, trustml)
