module cutover/tests/e2e/faulty

go 1.25

tool cutover/tests/e2e/faulty
