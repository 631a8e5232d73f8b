// Reads /stream_events as a careful client of Go's standard library would, line by line, as fast as
// it can, and says how many events a second that was.
//
//	go run main.go -url 'http://127.0.0.1:8000/stream_events?after=0' -format sse -seconds 5
//
// Every SSE event has data and, behind it, an id that is one above the one before; every NDJSON line
// is an object. With -wrap the ids may begin anew: the bytes come from prepared_server.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type reader struct {
	in     *bufio.Reader
	wrap   bool
	first  uint64
	last   uint64
	events uint64
	bytes  uint64
}

var (
	prefixData = []byte("data: {")
	prefixID   = []byte("id: ")
	prefixWait = []byte("retry: ")
)

func number(text []byte) (uint64, error) {
	if len(text) == 0 || len(text) > 18 {
		return 0, fmt.Errorf("no number: %q", text)
	}
	var n uint64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("no number: %q", text)
		}
		n = n*10 + uint64(c-'0')
	}
	return n, nil
}

// Reads up to the end of one SSE event.
func (r *reader) sse() error {
	data, id := false, false
	for {
		line, err := r.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		r.bytes += uint64(len(line))
		line = line[:len(line)-1]
		switch {
		case len(line) == 0:
			if data != id {
				return errors.New("an event without data or without id")
			}
			if data {
				r.events++
			}
			return nil
		case bytes.HasPrefix(line, prefixData):
			data = true
		case bytes.HasPrefix(line, prefixID):
			n, err := number(line[len(prefixID):])
			if err != nil {
				return err
			}
			if !data {
				return fmt.Errorf("id %d before its data", n)
			}
			if r.last != 0 && n != r.last+1 && !(r.wrap && n == r.first) {
				return fmt.Errorf("id %d follows %d", n, r.last)
			}
			if r.first == 0 {
				r.first = n
			}
			r.last = n
			id = true
		case line[0] == ':' || bytes.HasPrefix(line, prefixWait):
		default:
			return fmt.Errorf("a line of no known kind: %q", line)
		}
	}
}

func (r *reader) ndjson() error {
	line, err := r.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 3 || line[0] != '{' || line[len(line)-2] != '}' {
		return fmt.Errorf("no object: %q", line)
	}
	r.bytes += uint64(len(line))
	r.events++
	return nil
}

func run() error {
	url := flag.String("url", "", "of the stream")
	format := flag.String("format", "sse", "sse or ndjson")
	seconds := flag.Float64("seconds", 5, "measured, after -warmup")
	warmup := flag.Float64("warmup", 1, "seconds before that")
	wrap := flag.Bool("wrap", false, "ids may begin anew")
	flag.Parse()

	client := &http.Client{Transport: &http.Transport{ReadBufferSize: 1 << 20}}
	response, err := client.Get(*url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	r := &reader{in: bufio.NewReaderSize(response.Body, 1<<20), wrap: *wrap}
	next := r.sse
	if *format == "ndjson" {
		next = r.ndjson
	}

	begin := time.Now().Add(time.Duration(*warmup * float64(time.Second)))
	var began time.Time
	var events, read uint64
	for n := uint64(0); ; n++ {
		if err := next(); err != nil {
			if err == io.EOF {
				return errors.New("the stream ended")
			}
			return err
		}
		// The clock costs more than an event.
		if n%1024 != 0 {
			continue
		}
		now := time.Now()
		if began.IsZero() && now.After(begin) {
			began, events, read = now, r.events, r.bytes
		}
		if took := now.Sub(began).Seconds(); !began.IsZero() && took >= *seconds {
			fmt.Printf("{\"events\": %d, \"bytes\": %d, \"seconds\": %.6f}\n",
				r.events-events, r.bytes-read, took)
			return nil
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go_reader:", err)
		os.Exit(1)
	}
}
