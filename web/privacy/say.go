package privacy

import (
	"slices"
	"strings"

	"github.com/sceau-project/sceau/web/answer"
)

// ids names what waits, as decide.js counts it.
func ids(list answer.List) string {
	out := make([]string, len(list.Pending))
	for i, q := range list.Pending {
		out[i] = q.ID
	}
	return strings.Join(out, " ")
}

// waiting is how grave it is that an erasure waits: the law gives a month.
func waiting(seconds int64) string {
	const day = 24 * 3600
	switch {
	case seconds < 3*day:
		return "calm"
	case seconds < 14*day:
		return "soon"
	}
	return "late"
}

func listed(list []erasure, id string) bool {
	return slices.ContainsFunc(list, func(e erasure) bool { return e.ID == id })
}
