// The prices service, with nothing but the standard library of Go. It registers itself, and removes itself when it is stopped.
//
//	go run prices/prices.go [ADMIN]     the admin plane of a process of Multilane, http://localhost:9901 by default
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const ttlSeconds = 30

var cents = map[string]int{"7": 199, "8": 450}

func respond(w http.ResponseWriter, status int, value any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, map[string]bool{"ok": true})
	})
	mux.HandleFunc("/prices/", func(w http.ResponseWriter, r *http.Request) {
		if price, found := cents[strings.TrimPrefix(r.URL.Path, "/prices/")]; found {
			respond(w, http.StatusOK, map[string]int{"cents": price})
			return
		}
		respond(w, http.StatusNotFound, map[string]string{"error": "There is no such price."})
	})
	return mux
}

// request sends a request to the admin plane.
func request(method, url, body string) error {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("content-type", "application/json")
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	return nil
}

func main() {
	admin := "http://localhost:9901"
	if len(os.Args) > 1 {
		admin = os.Args[1]
	}
	instance := fmt.Sprintf("%s/registry/v1/services/prices/instances/go-%d", admin, os.Getpid())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	server := &http.Server{Handler: routes(), ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener)

	register := func() error {
		body := fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"healthCheckUrl":"/health","ttlSeconds":%d}`, port, ttlSeconds)
		return request(http.MethodPut, instance, body)
	}
	if err := register(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("prices is registered, on port %d\n", port)

	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	for renew := time.Tick(ttlSeconds * time.Second / 3); ; {
		select {
		case <-renew:
			// The same registration again is a heartbeat. It also registers anew where the process was restarted.
			if err := register(); err != nil {
				log.Print("could not register: ", err)
			}
			continue
		case <-stop.Done():
		}
		break
	}
	// No new requests from now on; those under way are finished.
	if err := request(http.MethodPut, instance+"/drain", ""); err != nil {
		log.Print(err)
	}
	server.Shutdown(context.Background())
	if err := request(http.MethodDelete, instance, ""); err != nil {
		log.Print(err)
	}
}
