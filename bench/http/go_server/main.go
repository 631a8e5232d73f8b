// The yardstick of many clients: a plain server in Go's standard library, a goroutine with a ticker
// for each client, which sends the same prepared event again and again.
//
//	go run main.go -event '{"a":1}'
//
// GET /stream_events?rate=R, with Last-Event-ID; /player_event; /healthz. Listens on a free port of
// 127.0.0.1, which it prints. Runs until it is killed.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func stream(event string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rate, err := strconv.ParseFloat(r.URL.Query().Get("rate"), 64)
		if err != nil || rate <= 0 {
			http.Error(w, "rate", http.StatusBadRequest)
			return
		}
		id, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Transfer-Encoding", "identity")
		flusher := w.(http.Flusher)
		flusher.Flush()
		ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
		defer ticker.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-ticker.C:
			}
			id++
			if _, err := fmt.Fprintf(w, "data: %s\nid: %d\n\n", event, id); err != nil {
				return
			}
			flusher.Flush()
		}
	}
}

func main() {
	event := flag.String("event", "{}", "what every client gets")
	flag.Parse()
	http.HandleFunc("/stream_events", stream(*event))
	http.HandleFunc("/player_event", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, *event)
	})
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "ok")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "go_server:", err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := http.Serve(listener, nil); err != nil {
		fmt.Fprintln(os.Stderr, "go_server:", err)
		os.Exit(1)
	}
}
