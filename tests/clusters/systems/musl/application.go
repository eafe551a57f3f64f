// The application of an image with musl: what container/images/application/application does, with the resolver of musl. It writes a row every
// TICK seconds over a persistent connection, and keeps a log of attempts and a ledger of acknowledged rows.
//
//	application                                  runs; the environment is in the file of that name in its folder
//	application report --since TIME --json       the results since then
//	application reconcile --json                 are all acknowledged rows in the database?
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
)

const home = "/var/lib/application/"
const readOnly = "25006"
const tcpUserTimeout = 18 // TCP_USER_TIMEOUT of Linux

var peer string // the address of the current connection

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "application:", err)
		os.Exit(1)
	}
}

// dialer connects by name, through the resolver of libc. A failed machine sends nothing at all, so every wait is limited.
type dialer struct{}

func (dialer) DialTimeout(network, address string, limit time.Duration) (net.Conn, error) {
	one := net.Dialer{Timeout: limit, KeepAlive: time.Second, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, 3000) })
	}}
	connection, err := one.Dial(network, address)
	if err == nil {
		peer, _, _ = net.SplitHostPort(connection.RemoteAddr().String())
	}
	return connection, err
}

func (d dialer) Dial(network, address string) (net.Conn, error) { return d.DialTimeout(network, address, 3*time.Second) }

type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) {
	words := []string{"connect_timeout=3"}
	for _, pair := range [][2]string{{"host", "PGHOST"}, {"sslmode", "PGSSLMODE"}, {"user", "PGUSER"}, {"dbname", "PGDATABASE"}, {"password", "PGPASSWORD"}} {
		words = append(words, pair[0]+"="+os.Getenv(pair[1]))
	}
	return pq.DialOpen(dialer{}, strings.Join(words, " "))
}

func (connector) Driver() driver.Driver { return &pq.Driver{} }

// open returns a pool of one connection, which is made at the first use.
func open() *sql.DB {
	pool := sql.OpenDB(connector{})
	pool.SetMaxOpenConns(1)
	return pool
}

func within(seconds int) context.Context {
	limited, _ := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	return limited
}

func now() float64 { return float64(time.Now().UnixMilli()) / 1000 }

type attempt struct {
	at                                  float64
	what, outcome, state, recovery, address string
}

func attempts(since float64) (found []attempt) {
	text, _ := os.ReadFile(home + "attempts")
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Split(line, "\t")
		if len(words) != 7 {
			continue
		}
		if at, err := strconv.ParseFloat(words[0], 64); err == nil && at >= since {
			found = append(found, attempt{at, words[2], words[3], words[4], words[5], words[6]})
		}
	}
	return
}

func say(text string) { fmt.Println(time.Now().Format("2006-01-02 15:04:05"), text) }

func run() {
	log, err := os.OpenFile(home+"attempts", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	fail(err)
	ledger, err := os.OpenFile(home+"ledger", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	fail(err)
	add := func(what, outcome, state, recovery, address string) {
		if address == "" {
			address = "-"
		}
		fmt.Fprintf(log, "%.3f\twrite\t%s\t%s\t%s\t%s\t%s\n", now(), what, outcome, state, recovery, address)
	}
	tick := time.Second
	if seconds, err := strconv.ParseFloat(os.Getenv("TICK"), 64); err == nil && seconds > 0 {
		tick = time.Duration(seconds * float64(time.Second))
	}
	name, _ := os.Hostname()
	entry := time.Now().UnixNano()
	say("INFO starting: writing to " + os.Getenv("PGHOST"))
	pool, connected, logged := open(), false, ""
	for ; ; time.Sleep(tick) {
		what := "connect"
		err := func() error {
			if !connected {
				peer = ""
				var recovering bool
				if err := pool.QueryRowContext(within(5), "SELECT pg_is_in_recovery()").Scan(&recovering); err != nil {
					return err
				}
				connected = true
				add("connect", "ok", "-", map[bool]string{false: "0", true: "1"}[recovering], peer)
			}
			what = "write"
			entry++
			_, err := pool.ExecContext(within(5), "INSERT INTO ledger (application, entry) VALUES ($1, $2)", name, entry)
			return err
		}()
		if err == nil {
			add("write", "ok", "-", "-", peer)
			fmt.Fprintln(ledger, entry)
			if logged != peer {
				logged = peer
				say("INFO write: I'm connected to " + peer)
			}
		} else {
			state := "-"
			var problem *pq.Error
			if errors.As(err, &problem) {
				state = string(problem.Code)
			}
			add(what, "failed", state, "-", peer)
			say("ERROR write: " + err.Error())
			pool.Close()
			pool, connected = open(), false
		}
		fail(os.WriteFile(home+"state.json.new", []byte(fmt.Sprintf("{\"time\": %.3f}\n", now())), 0o644))
		fail(os.Rename(home+"state.json.new", home+"state.json"))
	}
}

func report(since float64) map[string]any {
	var done []float64
	connections, wrong, refused, problems := 0, 0, 0, 0
	addresses := []string{}
	for _, one := range attempts(since) {
		switch {
		case one.outcome != "ok":
			problems++
			if one.state == readOnly {
				refused++
			}
		case one.what == "connect":
			connections++
			if one.recovery == "1" {
				wrong++
			}
		default:
			done = append(done, one.at)
			if len(addresses) == 0 || addresses[len(addresses)-1] != one.address {
				addresses = append(addresses, one.address)
			}
		}
	}
	end := now()
	begin := since
	if begin == 0 && len(done) > 0 {
		begin = done[0]
	}
	longest, last, good := 0.0, begin, map[int64]bool{}
	for _, at := range append(append([]float64{}, done...), end) {
		if at-last > longest {
			longest = at - last
		}
		last = at
		good[int64(at)] = true
	}
	failed := 0
	for second := int64(begin) + 1; begin > 0 && second < int64(end); second++ {
		if !good[second] {
			failed++
		}
	}
	var age any
	if len(done) > 0 {
		age = float64(int((end-done[len(done)-1])*100)) / 100
	}
	return map[string]any{"writes": len(done), "failed_seconds": failed, "longest_pause": float64(int(longest*100)) / 100, "connections": connections,
		"in_recovery": wrong, "read_only": refused, "errors": problems, "addresses": addresses, "last": age}
}

// reconcile compares the ledger with the table. Rows without an acknowledgement are those whose reply was lost.
func reconcile() map[string]any {
	text, err := os.ReadFile(home + "ledger")
	fail(err)
	acknowledged, newest := map[int64]bool{}, int64(0)
	for _, line := range strings.Fields(string(text)) {
		if entry, err := strconv.ParseInt(line, 10, 64); err == nil {
			acknowledged[entry] = true
			if entry > newest {
				newest = entry
			}
		}
	}
	name, _ := os.Hostname()
	rows, err := open().QueryContext(within(20), "SELECT entry FROM ledger WHERE application = $1 AND entry <= $2", name, newest)
	fail(err)
	present, both := 0, 0
	for rows.Next() {
		var entry int64
		fail(rows.Scan(&entry))
		present++
		if acknowledged[entry] {
			both++
		}
	}
	fail(rows.Err())
	return map[string]any{"acknowledged": len(acknowledged), "present": present, "lost": len(acknowledged) - both, "unacknowledged": present - both}
}

func main() {
	text, _ := os.ReadFile(home + "environment")
	for _, line := range strings.Fields(string(text)) {
		if at := strings.Index(line, "="); at > 0 {
			os.Setenv(line[:at], line[at+1:])
		}
	}
	since, words := 0.0, []string{}
	for i := 1; i < len(os.Args); i++ {
		switch {
		case os.Args[i] == "--since" && i+1 < len(os.Args):
			i++
			since, _ = strconv.ParseFloat(os.Args[i], 64)
		case os.Args[i] == "--way" && i+1 < len(os.Args):
			i++ // it only writes
		case os.Args[i] != "--json":
			words = append(words, os.Args[i])
		}
	}
	var found map[string]any
	switch strings.Join(words, " ") {
	case "":
		run()
	case "report":
		found = report(since)
	case "reconcile":
		found = reconcile()
	default:
		fail(errors.New("unknown command " + strings.Join(words, " ")))
	}
	fail(json.NewEncoder(os.Stdout).Encode(found))
}
