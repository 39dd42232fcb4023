package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// console is where a command speaks: lines, and one bar below them where
// somebody is watching. Without a terminal a long step is a line now and then.
type console struct {
	out, err io.Writer

	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	step  string
	total int
	said  time.Time // of the last plain progress line
}

// line prints a line above the bar.
func (c *console) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		c.bar.Clear()
	}
	fmt.Fprintf(c.out, format+"\n", args...)
	if c.bar != nil {
		c.bar.RenderBlank()
	}
}

// progress shows how far a long step is.
func (c *console) progress(step string, done, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.watched() {
		c.plain(step, done, total)
		return
	}
	if c.bar == nil || c.step != step || c.total != total {
		c.clear()
		c.step, c.total = step, total
		c.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(c.err), progressbar.OptionSetDescription(step),
			progressbar.OptionShowCount(), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	c.bar.Set(done)
	if done >= total {
		c.clear()
	}
}

// plain says the first, the last, and every ten seconds.
func (c *console) plain(step string, done, total int) {
	if step == c.step && done < total && time.Since(c.said) < 10*time.Second {
		return
	}
	c.step, c.said = step, time.Now()
	fmt.Fprintf(c.err, "%s: %d of %d\n", step, done, total)
}

func (c *console) clear() {
	if c.bar != nil {
		c.bar.Finish()
		c.bar = nil
	}
}

// done removes the bar.
func (c *console) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	c.step = ""
}

func (c *console) watched() bool {
	f, ok := c.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
