module taffrail.dev/tests/gitserver

go 1.25.0
