package devissuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Wrong passwords an account may have in a row, and how soon one more is
// allowed.
const (
	wrongBurst = 5
	wrongEvery = 10 * time.Second
)

type checked int

const (
	checkOK checked = iota
	checkWrong
	checkThrottled
)

// throttle counts wrong passwords. Names that are no account share one bucket,
// so that memory stays bounded and both kinds of name answer alike.
type throttle struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// check compares a password. Right ones cost nothing, so that many sign-ins at
// once are never slowed down; the lock spans look and count, so that parallel
// guesses cannot pass between the two.
func (s *Server) check(account, password string, now time.Time) checked {
	want, known := s.state.Passwords[account]
	if _, listed := s.accounts[account]; !listed {
		known = false
	}
	bucket := account
	if !known {
		bucket, want = "", randomText(12)
	}
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	if s.throttle.buckets == nil {
		s.throttle.buckets = map[string]*rate.Limiter{}
	}
	lim := s.throttle.buckets[bucket]
	if lim == nil {
		lim = rate.NewLimiter(rate.Every(wrongEvery), wrongBurst)
		s.throttle.buckets[bucket] = lim
	}
	if lim.TokensAt(now) < 1 {
		return checkThrottled
	}
	// Hashed first: the comparison then says nothing about the length either.
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || !known {
		lim.AllowN(now, 1)
		return checkWrong
	}
	return checkOK
}
