"""What has become of a release since the last one: two records in, one comparison per measurement out."""
