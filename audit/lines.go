package audit

import (
	"bytes"
	"errors"
	"io"
)

// lines hands out a file line by line without copying or allocating. Every line
// comes with one writable byte before it, where the verifier puts the 0x00 of
// the leaf hash: hashing then takes a single call.
type lines struct {
	r          io.Reader
	buf        []byte
	start, end int // unread part of buf; start is at least 1
	max        int // longest line, newline not counted
	eof        bool
}

var (
	errLineTooLong = errors.New("line is too long")
	errNoNewline   = errors.New("last line has no newline")
)

func newLines(r io.Reader, maxLine int) *lines {
	return &lines{r: r, buf: make([]byte, max(1<<18, 2*maxLine)), start: 1, end: 1, max: maxLine}
}

// next returns the next line, without its newline, at prefixed[1:]; it stays
// valid until the next call. At the end it returns io.EOF.
func (l *lines) next() (prefixed []byte, err error) {
	searched := 0
	for {
		if n := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); n >= 0 {
			n += searched
			if n > l.max {
				return nil, errLineTooLong
			}
			prefixed = l.buf[l.start-1 : l.start+n]
			l.start += n + 1
			return prefixed, nil
		}
		searched = l.end - l.start
		if searched > l.max {
			return nil, errLineTooLong
		}
		if l.eof {
			if searched > 0 {
				return nil, errNoNewline
			}
			return nil, io.EOF
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

func (l *lines) fill() error {
	if l.start > 1 {
		copy(l.buf[1:], l.buf[l.start:l.end])
		l.start, l.end = 1, 1+l.end-l.start
	}
	n, err := io.ReadAtLeast(l.r, l.buf[l.end:], 1)
	l.end += n
	if errors.Is(err, io.EOF) {
		l.eof = true
		return nil
	}
	return err
}
