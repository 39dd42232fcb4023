package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/text/language"

	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/policy"
)

// Problem is how every refusal and every failure is told (RFC 9457). It holds
// nothing of what was submitted and nothing of the service's inside.
type Problem struct {
	Type    string   `json:"type" doc:"The code as a URI: one per code, the same for ever"`
	Title   string   `json:"title" doc:"What happened, in the reader's language"`
	Status  int      `json:"status" doc:"The HTTP status"`
	Code    string   `json:"code" doc:"Stable code, for programs"`
	Detail  string   `json:"detail,omitempty" doc:"What to do next, in the reader's language"`
	Reasons []Reason `json:"reasons,omitempty" doc:"Every reason, when policy refused"`
	Errors  []Fault  `json:"errors,omitempty" doc:"Where the request is not valid"`

	retryAfter int // seconds, 0 for none
}

// Reason is one of the reasons of a refusal by policy.
type Reason struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Fault is one place where a request is not valid.
type Fault struct {
	Location string `json:"location" doc:"Such as body.topic; the parent when the field itself is unknown"`
	Message  string `json:"message" doc:"What was expected there, in English"`
}

// problemType prefixes the code in Problem.Type (a tag URI, RFC 4151: it names,
// it is not a page).
const problemType = "tag:sceau-project.github.io,2026:problem:"

// Error is the code: all that a log may say of it.
func (p *Problem) Error() string { return p.Code }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// fail is an error that a handler or a middleware returns on purpose: a code
// of the table, and the reasons of policy when it refused.
type fail struct {
	code    string
	reasons []string
	faults  []Fault
}

func (f *fail) Error() string { return f.code }

// refuse is a failure with the given code.
func refuse(code string) error { return &fail{code: code} }

// invalid is a request with a fault that its schema cannot express.
func invalid(location, expected string) error {
	return &fail{code: "request.invalid", faults: []Fault{{Location: location, Message: expected}}}
}

var byCode = func() map[string]*code {
	m := make(map[string]*code, len(codes))
	for i := range codes {
		m[codes[i].code] = &codes[i]
	}
	return m
}()

var (
	languages = []language.Tag{language.French, language.English}
	matcher   = language.NewMatcher(languages)
)

// french says whether the reader is to be answered in French. French is the
// default: the readers are children and police in France.
func french(acceptLanguage string) bool {
	if acceptLanguage == "" || len(acceptLanguage) > 1000 {
		return true
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return true
	}
	_, index, confidence := matcher.Match(tags...)
	return index == 0 || confidence == language.No
}

func (c *code) in(french bool) sentence {
	if french {
		return c.fr
	}
	return c.en
}

// problemOf is problem for an error of a request under way.
func (f *face) problemOf(ctx context.Context, err error, french bool) (*Problem, bool) {
	switch {
	case abandoned(ctx, err):
		err = refuse(order.CodeAbandoned)
	case errors.Is(err, context.Canceled) && asFail(err).code == order.CodeAbandoned:
		// Whoever asked is still there. What was given up was given up in here,
		// between this process and a database that does not answer.
		err = refuse("postgres.unavailable")
	}
	return f.problem(err, french)
}

// problem is the one place where an error becomes what a client sees. Anything
// unknown is service.failed: its text stays inside. The second result says
// that the error deserves a line in the process's log.
func (f *face) problem(err error, french bool) (*Problem, bool) {
	found := asFail(err)
	entry, known := byCode[found.code]
	if !known {
		found, entry = &fail{code: "service.failed"}, byCode["service.failed"]
	}
	text := entry.in(french)
	p := &Problem{
		Type: problemType + entry.code, Title: text.title, Status: entry.status, Code: entry.code,
		Detail: f.detail(entry, french), Errors: found.faults,
	}
	if f.kind == Public && (entry.status >= 500 || entry.status == http.StatusTooManyRequests) {
		// A child whose message does not get through must learn whom else to
		// call.
		if french {
			p.Detail += " En danger maintenant ? Appelle le 17, ou le 114 par SMS."
		} else {
			p.Detail += " In danger now? Call 17, or text 114."
		}
	}
	for _, reason := range found.reasons {
		if why, ok := byCode[reason]; ok {
			p.Reasons = append(p.Reasons, Reason{Code: reason, Detail: f.detail(why, french)})
		}
	}
	if entry.status == http.StatusServiceUnavailable {
		p.retryAfter = 2
	}
	return p, entry.status >= 500
}

// detail is what to do next. When nobody is on duty there is nobody in the service to
// be told of: whom to call instead is the operator's to say.
func (f *face) detail(c *code, french bool) string {
	detail := c.in(french).detail
	switch {
	case c.code != policy.ReasonNobodyOnDuty || f.cfg.DutyDesk == "":
		return detail
	case french:
		return detail + " Permanence : " + f.cfg.DutyDesk + "."
	}
	return detail + " Duty desk: " + f.cfg.DutyDesk + "."
}

// refusedByPolicy is a refusal by policy: its code is the first of its reasons in
// alphabetical order, so that the same refusal always has the same code.
func refusedByPolicy(reasons []string) *fail {
	reasons = slices.Sorted(slices.Values(reasons))
	if len(reasons) == 0 {
		return &fail{code: "policy.failed"}
	}
	return &fail{code: reasons[0], reasons: reasons}
}

// write answers err on a plain handler, outside huma.
func (f *face) write(w http.ResponseWriter, r *http.Request, err error) {
	p, noteworthy := f.problemOf(r.Context(), err, french(r.Header.Get("Accept-Language")))
	if noteworthy {
		f.note(r.Context(), p, err)
	}
	if f.pages != nil && isPage(r) {
		f.showProblem(w, r, p)
		return
	}
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", p.ContentType(""))
	h.Set("Content-Language", contentLanguage(r.Header.Get("Accept-Language")))
	body, encodeErr := json.Marshal(p)
	if encodeErr != nil {
		panic(encodeErr) // strings and integers always encode
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

func contentLanguage(accept string) string {
	if french(accept) {
		return "fr"
	}
	return "en"
}

// huma keeps its error constructor in package variables. Both faces may live in
// one test process, so the constructor finds its face in the request's context.
func init() {
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		f, ok := ctx.Context().Value(faceKey{}).(*face)
		if !ok {
			f = &face{}
		}
		// Only problems of the request itself reach this place: handlers'
		// errors were turned into problems before huma saw them.
		p, _ := f.problem(&fail{code: codeOfStatus(status), faults: faults(errs)}, french(ctx.Header("Accept-Language")))
		return p
	}
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		p, _ := (&face{}).problem(&fail{code: codeOfStatus(status), faults: faults(errs)}, true)
		return p
	}
}

func codeOfStatus(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "request.malformed"
	case http.StatusUnprocessableEntity:
		return "request.invalid"
	case http.StatusRequestEntityTooLarge:
		return "request.too_large"
	case http.StatusUnsupportedMediaType:
		return "request.media_type"
	case http.StatusRequestTimeout:
		return "request.timeout"
	case http.StatusNotAcceptable:
		return "request.not_acceptable"
	}
	return "service.failed"
}

// faults keeps of huma's findings what comes from our schema alone: never the
// value, and never the name of a field that we do not know, which is as much
// the sender's as a value is.
func faults(errs []error) []Fault {
	var found []Fault
	for _, err := range errs {
		var detail *huma.ErrorDetail
		if !errors.As(err, &detail) || len(found) == 20 {
			continue
		}
		fault := Fault{Location: detail.Location, Message: "not valid"}
		switch {
		case strings.HasPrefix(detail.Message, "unexpected property"), strings.HasPrefix(detail.Message, "unknown query parameter"):
			parent, _, _ := cutLast(detail.Location)
			fault = Fault{Location: parent, Message: "unknown field"}
		case strings.HasPrefix(detail.Message, "expected") && !strings.Contains(detail.Message, ": "),
			strings.HasPrefix(detail.Message, "required"):
			fault.Message = detail.Message
		}
		if !slices.Contains(found, fault) {
			found = append(found, fault)
		}
	}
	return found
}

// cutLast cuts the last step off a location such as body.assessment.mood. An
// unknown name may itself hold dots, so everything after the part that a schema
// could have written goes: the first two steps at most stay.
func cutLast(location string) (parent, last string, found bool) {
	parts := strings.Split(location, ".")
	switch {
	case len(parts) <= 2:
		return parts[0], "", true
	default:
		for _, field := range nested {
			if parts[1] == field {
				return parts[0] + "." + field, "", true
			}
		}
		return parts[0], "", true
	}
}

// nested are the fields of request bodies that hold objects.
var nested = []string{"assessment", "evidence"}

type faceKey struct{}

// faceOf finds the face that serves this request.
func faceOf(ctx context.Context) *face { return ctx.Value(faceKey{}).(*face) }
