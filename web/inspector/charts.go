package inspector

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// enough is of how many answers a rate says something.
const enough = 5

// A column chart, in a box of 100 high whose width is stretched to the page's.
type chart struct {
	Max, Width int
	Bars       []bar
}

type bar struct {
	X, W   int
	Y, H   string
	Ground int
}

// columnWidth and columnGap are in units of the box.
const (
	columnWidth = 8
	columnGap   = 2
)

// columns stacks the openings of each bucket by ground.
func columns(f *figuresShown) chart {
	c := chart{Max: 1, Width: len(f.Series) * (columnWidth + columnGap)}
	for _, b := range f.Series {
		sum := 0
		for _, n := range b.Opened {
			sum += n
		}
		c.Max = max(c.Max, sum)
	}
	if c.Max%2 == 1 && c.Max > 1 {
		c.Max++ // the line in the middle is a whole number
	}
	for i, b := range f.Series {
		below := 0
		for g, n := range b.Opened {
			if n == 0 {
				continue
			}
			below += n
			c.Bars = append(c.Bars, bar{
				X: i*(columnWidth+columnGap) + columnGap/2, W: columnWidth, Ground: g,
				Y: decimals(100 - 100*float64(below)/float64(c.Max)), H: decimals(100 * float64(n) / float64(c.Max)),
			})
		}
	}
	return c
}

func decimals(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }

// share is the width of a bar in a box of 100; what is there at all can be seen.
func share(part, of int64) string {
	if of <= 0 || part <= 0 {
		return "0"
	}
	return decimals(max(0.8, 100*float64(min(part, of))/float64(of)))
}

// spread is the width of a bar on a logarithmic scale: minutes for danger stand beside
// days for a magistrate's order, and both must be seen.
func spread(part, of int64) string {
	if of <= 0 || part < 0 {
		return "0"
	}
	return decimals(max(0.8, 100*math.Log1p(float64(min(part, of)))/math.Log1p(float64(of))))
}

func percent(part, of int) int {
	if of == 0 {
		return 0
	}
	return (200*part + of) / (2 * of)
}

// slowest is the longest time that the bars of the grounds show.
func slowest(f *figuresShown) int64 {
	var longest int64
	for _, g := range f.Grounds {
		longest = max(longest, g.Decision.P95)
	}
	return longest
}

// slowestReader is the longest median; the mark of ten seconds is never at the edge.
func slowestReader(f *figuresShown) int64 {
	longest := int64(30)
	for _, a := range f.Answers {
		longest = max(longest, a.MedianS)
	}
	return longest
}

func unitName(l page.Lang, unit string) string {
	switch unit {
	case "day":
		return l.T("par jour", "by day")
	case "week":
		return l.T("par semaine", "by week")
	}
	return l.T("par mois", "by month")
}

// day is a bucket's: buckets begin at midnight UTC.
func day(l page.Lang, at time.Time) string {
	return at.UTC().Format(l.T("02/01/2006", "2 Jan 2006"))
}

func decimal(l page.Lang, f float64) string {
	return strings.Replace(strconv.FormatFloat(f, 'f', 1, 64), ".", l.T(",", "."), 1)
}

// chance is a probability in words that can be read aloud.
func chance(l page.Lang, p float64) string {
	switch {
	case p >= 0.1:
		return l.T("1 sur ", "1 in ") + decimal(l, 1/p)
	case p > 1e-9:
		return l.T("1 sur ", "1 in ") + num(l, int64(1/p))
	}
	return l.T("moins d'une sur un milliard", "less than one in a billion")
}
