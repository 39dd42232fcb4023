package story

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
)

// A demonstration that cannot fail shows nothing.
func TestWhatCountsAsRefused(t *testing.T) {
	problem := func(raw string) error {
		p := &Problem{}
		if err := json.Unmarshal([]byte(raw), p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"it worked", nil, false},
		{"the connection broke", errors.New("connection reset"), false},
		{"another code", problem(`{"status":403,"code":"role.not_allowed"}`), false},
		{"a failure of the service", problem(`{"status":500,"code":"service.failed"}`), false},
		{"the code", problem(`{"status":403,"code":"grant.expired"}`), true},
		{"the code among the reasons", problem(`{"status":403,"code":"clock.trails","reasons":[{"code":"clock.trails"},{"code":"grant.expired"}]}`), true},
	} {
		var heard []Check
		r := &report{over: func() bool { return false }, on: func(c Check) { heard = append(heard, c) }}
		r.refused(c.name, c.err, "grant.expired", "grant.window_over")
		if len(heard) != 1 || heard[0].OK != c.ok || (len(r.failed) == 0) != c.ok {
			t.Errorf("%s: %+v", c.name, heard)
		}
	}
}

func TestWhatIsComparedWithAGrant(t *testing.T) {
	sc := &scene{stage: &stage{run: &run{planted: &Planted{}}}}
	sc.minor = sc.newMinor()
	from := sc.minor.line.from
	e := entrusts{name: "Une Personne", location: "Une adresse"}
	show := func(raw string) identity {
		var id identity
		if err := json.Unmarshal([]byte(raw), &id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	connection := `{"facet":"connection","number":0,"connection":{"address":"` + from.Addr().String() +
		`","port":` + strconv.Itoa(int(from.Port())) + `,"at":"2026-01-01T00:00:00Z"}}`
	name := `{"facet":"name","number":0,"value":"Une Personne"}`
	for _, c := range []struct {
		name, shown string
		facets      []string
		ok          bool
	}{
		{"exactly", `{"facets":[` + connection + `,` + name + `]}`, []string{"connection", "name"}, true},
		{"one too many", `{"facets":[` + connection + `,` + name + `]}`, []string{"connection"}, false},
		{"one missing", `{"facets":[` + connection + `]}`, []string{"connection", "name"}, false},
		{"another's name", `{"facets":[{"facet":"name","number":0,"value":"Une autre"}]}`, []string{"name"}, false},
		{"another address", `{"facets":[{"facet":"connection","number":0,"connection":{"address":"2001:db8::1","port":1,"at":"2026-01-01T00:00:00Z"}}]}`, []string{"connection"}, false},
		{"nothing", `{"facets":[]}`, []string{"location"}, false},
	} {
		if err := sc.compare(show(c.shown), e, c.facets); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
