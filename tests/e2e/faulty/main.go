// An app that answers 500 to exactly every tenth request, and counts its answers as podinfo does.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
)

var (
	guard  sync.Mutex
	counts = map[int]int{}
	asked  int
)

// next decides the status of the next answer, and counts it.
func next() int {
	guard.Lock()
	defer guard.Unlock()
	asked++
	status := http.StatusOK
	if asked%10 == 0 {
		status = http.StatusInternalServerError
	}
	counts[status]++
	return status
}

func main() {
	http.HandleFunc("/readyz", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(answer, "OK")
	})
	http.HandleFunc("/metrics", func(answer http.ResponseWriter, _ *http.Request) {
		guard.Lock()
		defer guard.Unlock()
		fmt.Fprintln(answer, "# TYPE http_requests_total counter")
		for status, count := range counts {
			fmt.Fprintf(answer, "http_requests_total{status=\"%d\"} %d\n", status, count)
		}
	})
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
		answer.WriteHeader(next())
		fmt.Fprintln(answer, `{"version": "faulty"}`)
	})
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := http.Server{Addr: ":9898"}
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			panic(err)
		}
	}()
	<-ended.Done()
	server.Shutdown(context.Background())
}
