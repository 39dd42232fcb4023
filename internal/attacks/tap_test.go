package attacks

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// A tap carries a process's connections to PostgreSQL and counts what it asks.
type tap struct {
	address string
	queries atomic.Int64
}

// newTap returns a tap and the connection string that leads through it.
func newTap(t testing.TB, text string) (*tap, string) {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	socket := filepath.Join(query.Get("host"), ".s.PGSQL.5432")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &tap{address: listener.Addr().String()}
	var behind sync.WaitGroup
	behind.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			behind.Go(func() { a.carry(conn, socket) })
		}
	})
	t.Cleanup(func() { listener.Close(); behind.Wait() })
	query.Del("host")
	u.Host, u.RawQuery = a.address, query.Encode()
	return a, u.String()
}

func (a *tap) carry(conn net.Conn, socket string) {
	defer conn.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(conn, server); conn.Close() })
	a.count(bufio.NewReader(conn), server)
	server.Close()
	back.Wait()
}

// count passes messages on. The first has a length alone; each later one a type
// before it ("Message Formats" in PostgreSQL's manual): Q is a simple query, E
// the execution of a prepared one.
func (a *tap) count(from *bufio.Reader, to io.Writer) {
	for first := true; ; first = false {
		var kind byte
		head := make([]byte, 0, 5)
		if !first {
			k, err := from.ReadByte()
			if err != nil {
				return
			}
			kind, head = k, append(head, k)
		}
		var length [4]byte
		if _, err := io.ReadFull(from, length[:]); err != nil {
			return
		}
		if kind == 'Q' || kind == 'E' {
			a.queries.Add(1)
		}
		if _, err := to.Write(append(head, length[:]...)); err != nil {
			return
		}
		if _, err := io.CopyN(to, from, int64(binary.BigEndian.Uint32(length[:]))-4); err != nil {
			return
		}
	}
}
