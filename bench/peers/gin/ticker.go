package main

import (
	"sync"
	"time"
)

// One ticker for all event streams. It runs only while a stream is open.
var ticker = struct {
	sync.Mutex
	isRunning bool
	streams   map[chan int]bool
}{streams: map[chan int]bool{}}

func subscribe() chan int {
	ticks := make(chan int, 1)
	ticker.Lock()
	defer ticker.Unlock()
	ticker.streams[ticks] = true
	if !ticker.isRunning {
		ticker.isRunning = true
		go tick()
	}
	return ticks
}

func unsubscribe(ticks chan int) {
	ticker.Lock()
	defer ticker.Unlock()
	delete(ticker.streams, ticks)
}

func tick() {
	clock := time.NewTicker(100 * time.Millisecond)
	defer clock.Stop()
	for number := 1; ; number++ {
		<-clock.C
		if !sendToAll(number) {
			return
		}
	}
}

// A stream whose client is too slow misses an event.
func sendToAll(number int) bool {
	ticker.Lock()
	defer ticker.Unlock()
	for ticks := range ticker.streams {
		select {
		case ticks <- number:
		default:
		}
	}
	ticker.isRunning = len(ticker.streams) > 0
	return ticker.isRunning
}
