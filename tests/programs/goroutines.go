// SPDX-License-Identifier: MPL-2.0
// A thousand goroutines at once: each sleeps, reads a file, calculates, and sends its result; then all of them wait for one signal.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const count = 1000

func work(n int, results chan<- int) {
	time.Sleep(time.Duration(n%10) * time.Millisecond)
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil || len(text) == 0 {
		panic(err)
	}
	garbage := make([][]byte, 100)
	for i := range garbage {
		garbage[i] = make([]byte, 1000)
	}
	results <- n * len(garbage)
}

func main() {
	results, sum := make(chan int), 0
	for i := 1; i <= count; i++ {
		go work(i, results)
	}
	for i := 1; i <= count; i++ {
		sum += <-results
	}
	runtime.GC()
	fmt.Println("sum", sum)

	var waiting sync.WaitGroup
	begin, signals := make(chan struct{}), make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	for i := 0; i < count; i++ {
		waiting.Add(1)
		go func() {
			<-begin
			waiting.Done()
		}()
	}
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println("signal", <-signals)
	close(begin)
	waiting.Wait()
	fmt.Println("through")
}
