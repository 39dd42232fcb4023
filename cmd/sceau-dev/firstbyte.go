package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"slices"
	"strings"
	"time"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/internal/bench"
	"github.com/sceau-project/sceau/internal/devissuer"
)

// looks is how often a round asks for each page.
const looks = 40

// firstByte measures how long an agent's page takes to begin, signed in with a browser's
// session, beside a page that does nothing.
func firstByte(ctx context.Context, s *stack.Stack, account string, rounds int) (bench.Figure, error) {
	password, err := s.Issuer.Password(account)
	if err != nil {
		return bench.Figure{}, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return bench.Figure{}, fmt.Errorf("measuring the agent's page: %w", err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}
	if err := devissuer.SignIn(ctx, browser, s.StaffURL+"/signin?role=", account, password); err != nil {
		return bench.Figure{}, fmt.Errorf("measuring the agent's page: %w", err)
	}
	var ours, bare []float64
	for range rounds {
		for page, into := range map[string]*[]float64{"/agent": &ours, "/healthz": &bare} {
			took, err := median(ctx, browser, s.StaffURL+page)
			if err != nil {
				return bench.Figure{}, fmt.Errorf("measuring the agent's page: %w", err)
			}
			*into = append(*into, took)
		}
	}
	return bench.Compare("first byte of the agent's page, beside /healthz", "ms", ours, bare), nil
}

// median is the median time to the first byte of an answer, in milliseconds.
func median(ctx context.Context, browser *http.Client, url string) (float64, error) {
	took := make([]float64, looks)
	for i := range took {
		var began, first time.Time
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Now() }})
		req, err := http.NewRequestWithContext(traced, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		began = time.Now()
		res, err := browser.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil {
			return 0, err
		}
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Request.URL.String(), url) {
			return 0, fmt.Errorf("%s answers %s at %s", url, res.Status, res.Request.URL)
		}
		took[i] = float64(first.Sub(began)) / float64(time.Millisecond)
	}
	slices.Sort(took)
	return took[looks/2], nil
}
