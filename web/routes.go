package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
)

// Who may call a route, besides the roles of staff.
const (
	anyone = "anyone" // no token at all
	minor  = "minor"  // the bearer of a conversation's token
)

// Route is one line of the table: what is served, where, and to whom.
type Route struct {
	Face    Kind
	Method  string
	Path    string   // below the root, with {parameters}
	Who     []string // anyone, minor, or roles of staff
	Limit   limit    // further bound besides that of all requests
	Stream  bool     // answers with server-sent events
	Summary string

	add func(huma.API, huma.Operation)
}

// register adds the route to a face's API.
func (route Route) register(api huma.API) {
	op := huma.Operation{
		OperationID:     operationID(route),
		Method:          route.Method,
		Path:            route.Path,
		Summary:         route.Summary,
		Description:     "For: " + strings.Join(route.Who, ", ") + ".",
		Errors:          []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable},
		Metadata:        map[string]any{"route": route},
		BodyReadTimeout: -1, // the body has been read: see readNoMore
	}
	if route.Who[0] != anyone {
		op.Security = []map[string][]string{{"bearer": {}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
	}
	if changes(route.Method) {
		op.Errors = append(op.Errors, http.StatusConflict)
		op.Parameters = []*huma.Param{{
			Name: idempotencyHeader, In: "header", Required: true,
			Description: "Fresh random text; repeated with the same body it gets the original answer.",
			Schema:      &huma.Schema{Type: huma.TypeString, Pattern: idempotencyForm},
		}}
	}
	route.add(api, op)
}

func operationID(route Route) string {
	words := strings.FieldsFunc(strings.TrimPrefix(route.Path, "/api/v1/"), func(r rune) bool { return strings.ContainsRune("/{}-", r) })
	return strings.ToLower(route.Method) + "-" + strings.Join(words, "-")
}

// handle adapts a handler: its errors become problems here and nowhere else.
func handle[I, O any](handler func(context.Context, *I) (*O, error)) func(huma.API, huma.Operation) {
	return func(api huma.API, op huma.Operation) {
		huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := handler(ctx, in)
			if err == nil {
				return out, nil
			}
			f := faceOf(ctx)
			p, noteworthy := f.problemOf(ctx, err, ctx.Value(frenchKey{}).(bool))
			if noteworthy {
				f.note(ctx, p, err)
			}
			return nil, p
		})
	}
}

// created answers 201 instead of 200.
func created(add func(huma.API, huma.Operation)) func(huma.API, huma.Operation) {
	return func(api huma.API, op huma.Operation) {
		op.DefaultStatus = http.StatusCreated
		add(api, op)
	}
}

// adapter puts each operation behind the middlewares of its route.
type adapter struct {
	router chi.Router
	wrap   func(Route) chi.Middlewares
}

func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	route := op.Metadata["route"].(Route)
	a.router.With(a.wrap(route)...).MethodFunc(op.Method, op.Path, func(w http.ResponseWriter, r *http.Request) {
		handler(humachi.NewContext(op, r, w))
	})
}

func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// document configures huma: no documentation page (it would load scripts from
// elsewhere), no schema links, nothing unknown in queries, JSON only.
func document(kind Kind) huma.Config {
	cfg := huma.DefaultConfig("Sceau, "+string(kind)+" face", "1")
	cfg.Info.Description = "Conversations of anonymous minors, kept under seal; anonymity lifted only by policy and a second pair of eyes; every act an entry of an append-only log. " +
		"Every refusal is application/problem+json with a stable code."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks, cfg.Transformers = nil, nil
	cfg.RejectUnknownQueryParameters = true
	cfg.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	bearer := &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: "The conversation's token"}
	if kind == Staff {
		bearer.Description, bearer.BearerFormat = "An OpenID Connect access token for the audience sceau-staff", "JWT"
	}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": bearer}
	return cfg
}

// serveDocument serves the OpenAPI document, written once.
func (f *face) serveDocument(r chi.Router, api huma.API, limit func(http.Handler) http.Handler) error {
	text, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	r.With(limit).Get("/api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(text)
	})
	return nil
}

func init() {
	// encoding/json would accept POSTAL_CODE for postal_code: two programs that
	// read one request must see the same in it.
	huma.ValidateStrictCasing = true
}
