package custodian

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/sceau-project/sceau/custodian/order"
)

// orderTimeout bounds an order: less than what a client waits.
const orderTimeout = order.Timeout - 3*time.Second

// Handler serves orders. Everything that may be ordered is in this list.
func (c *Custodian) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/sessions", carryOut(c, func(ctx context.Context, _ *http.Request, o order.OpenSession) (any, error) {
		return c.openSession(ctx, o)
	}))
	mux.Handle("POST /v1/sessions/{session}/unwrap", carryOut(c, func(ctx context.Context, r *http.Request, o order.Unwrap) (any, error) {
		return c.unwrap(ctx, r.PathValue("session"), o)
	}))
	mux.Handle("DELETE /v1/sessions/{session}", carryOut(c, func(ctx context.Context, r *http.Request, o order.EndSession) (any, error) {
		return nil, c.endSession(ctx, r.PathValue("session"), o)
	}))
	mux.Handle("POST /v1/evidence", carryOut(c, func(ctx context.Context, _ *http.Request, o order.ReadEvidence) (any, error) {
		return c.readEvidence(ctx, o)
	}))
	mux.Handle("POST /v1/confirmations", carryOut(c, func(ctx context.Context, _ *http.Request, o order.Confirm) (any, error) {
		return c.confirm(ctx, o)
	}))
	mux.Handle("POST /v1/erasures/decide", carryOut(c, func(ctx context.Context, _ *http.Request, o order.DecideErasure) (any, error) {
		return c.decideErasure(ctx, o)
	}))
	mux.Handle("POST /v1/holds/lift", carryOut(c, func(ctx context.Context, _ *http.Request, o order.LiftHold) (any, error) {
		return c.liftHold(ctx, o)
	}))
	mux.Handle("POST /v1/receipts", carryOut(c, func(ctx context.Context, _ *http.Request, o order.AskReceipt) (any, error) {
		return c.giveReceipt(ctx, o)
	}))
	mux.Handle("POST /v1/releases", carryOut(c, func(ctx context.Context, _ *http.Request, o order.Release) (any, error) {
		return c.release(ctx, o)
	}))
	mux.Handle("POST /v1/phrases", carryOut(c, func(ctx context.Context, _ *http.Request, o order.NewPhrase) (any, error) {
		return c.newPhrase(ctx, o)
	}))
	mux.Handle("POST /v1/returns", carryOut(c, func(ctx context.Context, _ *http.Request, o order.Return) (any, error) {
		return c.returnWith(ctx, o)
	}))
	mux.HandleFunc("GET /readyz", c.serveReady)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { answerRefusal(w, refuse(order.CodeNotFound)) })
	return mux
}

// carryOut reads one order, carries it out and answers.
func carryOut[O any](c *Custodian, do func(context.Context, *http.Request, O) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), orderTimeout)
		defer cancel()
		o, err := decode[O](r)
		// All is here. net/http reads on to learn that the caller left, and would
		// take a deadline of reading for that, although the caller waits.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		var answer any
		if err == nil {
			err = c.mayServe(ctx)
		}
		if err == nil {
			answer, err = do(ctx, r, o)
			// What it saw is remembered before anybody learns what came of it.
			if kept := c.memory.keep(); kept != nil {
				answer, err = nil, fmt.Errorf("%w; the order: %v", kept, err)
			}
		}
		if err != nil {
			refused := refusal(err)
			if errors.Is(r.Context().Err(), context.Canceled) && errors.Is(err, context.Canceled) {
				refused = refuse(order.CodeAbandoned) // no dependency is to blame
			}
			if refused.Code == order.CodeAbandoned && r.Context().Err() == nil {
				refused = refuse(order.CodePostgresDown) // the caller waits: it was given up in here
			}
			level := slog.LevelInfo
			if refused.Status >= 500 || refused.Code == order.CodeAltered || refused.Code == order.CodeLogAltered {
				level = slog.LevelError
			}
			// The pattern and not the path, which names a reading session.
			c.logger.Log(ctx, level, "order refused", "order", r.Pattern, "code", refused.Code, "cause", err)
			answerRefusal(w, refused)
			return
		}
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answerJSON(w, http.StatusOK, answer)
	})
}

// decode reads an order: one JSON object of known fields and nothing after it.
func decode[O any](r *http.Request) (O, error) {
	var o O
	raw, err := io.ReadAll(io.LimitReader(r.Body, order.MaxBody+1))
	defer clear(raw)
	if err != nil || len(raw) > order.MaxBody || !utf8.Valid(raw) {
		return o, refuse(order.CodeMalformed)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(&o) != nil {
		return o, refuse(order.CodeMalformed)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return o, refuse(order.CodeMalformed)
	}
	return o, nil
}

func answerRefusal(w http.ResponseWriter, r *order.Refusal) { answerJSON(w, r.Status, r) }

func answerJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer clear(raw)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a caller who went away can order again
}

// Serve takes orders on a unix socket until ctx ends, then lets those under
// way finish. The socket's directory is made for this user and group alone;
// processes that may order are in that group.
func (c *Custodian) Serve(ctx context.Context, socket string) error {
	listener, err := listen(socket)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           http.MaxBytesHandler(c.Handler(), order.MaxBody+1),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      order.Timeout,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          log.New(quiet{c.logger}, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving orders: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), order.Timeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("waiting for orders under way: %w", err), server.Close())
	}
	return nil
}

// listen takes over the socket of a custodian that is gone, and no other.
func listen(socket string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o750); err != nil {
		return nil, fmt.Errorf("making the socket's directory: %w", err)
	}
	// Whatever the umask, the group must be able to enter, and nobody else.
	if err := os.Chmod(filepath.Dir(socket), 0o750); err != nil {
		return nil, fmt.Errorf("closing the socket's directory: %w", err)
	}
	if info, err := os.Lstat(socket); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is in the way and is no socket", socket)
		}
		conn, err := net.DialTimeout("unix", socket, time.Second)
		switch {
		case err == nil:
			_ = conn.Close()
			return nil, fmt.Errorf("another custodian listens on %s", socket)
		case !errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("looking who listens on %s: %w", socket, err)
		}
		if err := os.Remove(socket); err != nil {
			return nil, fmt.Errorf("removing the socket of a custodian that is gone: %w", err)
		}
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listening for orders: %w", err)
	}
	if err := os.Chmod(socket, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the socket to its group: %w", err), listener.Close())
	}
	return listener, nil
}

// quiet is where net/http's own messages go. It prints addresses and the values
// of panics, which may be secrets: only that there was one is kept, and the
// places in the code it passed through.
type quiet struct{ logger *slog.Logger }

func (q quiet) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("panic")) {
		q.logger.Error("an order ended in a panic", "at", places(p))
	}
	return len(p), nil
}

// places are the "file.go:line" of a stack trace, without arguments or values.
func places(trace []byte) []string {
	var at []string
	for line := range bytes.Lines(trace) {
		place, ok := bytes.CutPrefix(line, []byte("\t"))
		if !ok {
			continue
		}
		place, _, _ = bytes.Cut(bytes.TrimSpace(place), []byte(" "))
		at = append(at, filepath.Base(string(place)))
	}
	return at
}

func (c *Custodian) serveReady(w http.ResponseWriter, r *http.Request) {
	ready := c.Ready(r.Context())
	status := http.StatusOK
	if !ready.Ready {
		status = http.StatusServiceUnavailable
	}
	answerJSON(w, status, ready)
}
