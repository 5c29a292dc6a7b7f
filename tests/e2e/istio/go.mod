// The kinds of Istio, as its API server would have them; nothing of it is built.
module cutover/tests/istio

go 1.26

require istio.io/api v1.29.0
