package inspection

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"math"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
)

// A Pair is a requester and somebody who approved their requests.
//
// Of all approvals in the period, so many were of this requester's requests, and so many
// by this approver. Had approvals been dealt out without regard to who asks, the two would
// have met Expected times; Chance is how likely they would then have met Observed times or
// more (the upper tail of the hypergeometric distribution). A pair stands out when, of as
// many pairs as were looked at, fewer than one in a hundred periods would show one like it by
// chance (Bonferroni's correction). Shifts, units and holidays bring people together as well:
// it is a reason to look, and no finding.
type Pair struct {
	Requester, Approver string // persons
	Observed            int
	Expected            float64
	Chance              float64
	StandsOut           bool
}

// PairsFrom is how often a pair must have met to be looked at: of fewer, chance says
// nothing.
const PairsFrom = 5

// chanceOfAny is how often a period without anything to see would show a pair all the same.
const chanceOfAny = 0.01

// maxPairs bounds what is listed.
const maxPairs = 50

type pairs struct {
	met                 map[[2]string]int
	ofRequester, byWhom map[string]int
	all                 int
}

func newPairs() pairs {
	return pairs{met: map[[2]string]int{}, ofRequester: map[string]int{}, byWhom: map[string]int{}}
}

func (p *pairs) add(requester, approver string) {
	p.met[[2]string{requester, approver}]++
	p.ofRequester[requester]++
	p.byWhom[approver]++
	p.all++
}

// standing lists the pairs that met often enough, the least likely first.
func (p *pairs) standing() []Pair {
	var all []Pair
	for who, n := range p.met {
		if n < PairsFrom {
			continue
		}
		of, by := p.ofRequester[who[0]], p.byWhom[who[1]]
		all = append(all, Pair{
			Requester: who[0], Approver: who[1], Observed: n,
			Expected: float64(of) * float64(by) / float64(p.all), Chance: atLeast(n, p.all, of, by),
		})
	}
	for i := range all {
		all[i].StandsOut = all[i].Chance*float64(len(all)) < chanceOfAny
	}
	slices.SortFunc(all, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.Chance, b.Chance), cmp.Compare(b.Observed, a.Observed),
			cmp.Compare(a.Requester, b.Requester), cmp.Compare(a.Approver, b.Approver))
	})
	return all[:min(len(all), maxPairs)]
}

// atLeast is the chance that, of drawn taken at random out of all, n or more are among the
// marked.
func atLeast(n, all, marked, drawn int) float64 {
	sum := 0.0
	for k := max(n, marked+drawn-all); k <= min(marked, drawn); k++ {
		sum += math.Exp(choose(marked, k) + choose(all-marked, drawn-k) - choose(all, drawn))
	}
	return min(sum, 1)
}

// choose is the logarithm of the number of ways to take k out of n.
func choose(n, k int) float64 {
	log := func(m int) float64 { v, _ := math.Lgamma(float64(m) + 1); return v }
	return log(n) - log(k) - log(n-k)
}

// Pseudonym is what a person is called in the figures of one period: the same whenever
// they are asked for, another in another period, and nothing to whoever lacks the key.
func Pseudonym(key []byte, from, to time.Time, person string) string {
	if person == "" {
		return ""
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte("sceau.pseudonym/v1\n" + audit.FormatTime(from) + "\n" + audit.FormatTime(to) + "\n" + person))
	text := base32.StdEncoding.EncodeToString(m.Sum(nil)[:5])
	return text[:4] + "-" + text[4:]
}
