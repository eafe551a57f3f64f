// What does Go's resolver return? Calls net.Resolver (the pure Go one, which does not call libc) in a loop, and prints one line for each
// call, like getaddrinfo.c:
//     resolve-go NAME SECONDS
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	name := os.Args[1]
	seconds, _ := strconv.ParseFloat(os.Args[2], 64)
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	resolver := &net.Resolver{PreferGo: true}
	for {
		begin := time.Now()
		found, err := resolver.LookupIPAddr(context.Background(), name)
		took := float64(time.Since(begin).Microseconds()) / 1000
		at := float64(begin.UnixNano()) / 1e9
		if err != nil {
			fmt.Printf("%.6f %.3f error %s\n", at, took, strings.ReplaceAll(err.Error(), " ", "_"))
		} else {
			words := []string{}
			for _, one := range found {
				words = append(words, one.IP.String())
			}
			fmt.Printf("%.6f %.3f ok %s\n", at, took, strings.Join(words, " "))
		}
		if !time.Now().Before(end) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
