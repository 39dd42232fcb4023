package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/unrolled/secure"

	"github.com/sceau-project/sceau/internal/pgfault"
	"github.com/sceau-project/sceau/web/page"
)

// Kind tells the two faces apart.
type Kind string

// The faces.
const (
	Public Kind = "public" // minors
	Staff  Kind = "staff"  // those who answer them
)

// Config is what both faces need.
type Config struct {
	Logger  *slog.Logger          // never gets an address or a text
	Metrics prometheus.Registerer // nil: not measured
	Checks  []Check               // what /readyz asks
	Limits  Limits
	Origins []string // further origins that may send state-changing requests
	HSTS    bool     // the face is reached over TLS
	Now     func() time.Time

	DutyDesk string // whom staff call when nobody is on duty, as it is shown; "": nobody in particular

	// Pages are what people see of the face, made with its shell; nil: the API alone.
	Pages func(*page.Shell) ([]page.Route, error)
	// Session turns the cookie of somebody's browser into the Authorization that the API
	// asks for, where there is none; nil: browsers are like any client.
	Session func(http.Handler) http.Handler
}

// Limits bound what one client may ask. A client is a network prefix (IPv4
// address, IPv6 /64), or a session of staff; it is kept in memory only.
type Limits struct {
	RequestsPerMinute    int
	ConversationsPerHour int
	ReturnsPerHour       int
}

// requestTime bounds a request from its first byte to its answer; streams end
// later. It is longer than an order to the custodian may take.
const requestTime = 30 * time.Second

// face is what the handlers of both faces stand on.
type face struct {
	kind    Kind
	log     *slog.Logger
	cfg     Config
	metrics *metrics
	ready   *readiness
	used    *usedKeys
	pages   *page.Shell     // nil: the API alone
	stop    <-chan struct{} // closed when the process is about to end: streams end
	nudge   func()          // tells every process that the log grew
}

// Face is one face, ready to be served.
type Face struct {
	http.Handler
	close func(context.Context)
}

// Close ends what the face began elsewhere: reading sessions at the custodian.
// Call it when no request is under way any more.
func (f *Face) Close(ctx context.Context) { f.close(ctx) }

func newFace(kind Kind, cfg Config, stop <-chan struct{}) (*face, error) {
	if cfg.Logger == nil {
		return nil, errors.New("a face needs a logger")
	}
	switch l := cfg.Limits; {
	case l.RequestsPerMinute < 1:
		return nil, errors.New("a face needs a limit of requests per minute, at least 1")
	case l.ConversationsPerHour < 1:
		return nil, errors.New("a face needs a limit of conversations per hour, at least 1")
	case l.ReturnsPerHour < 1:
		return nil, errors.New("a face needs a limit of returns per hour, at least 1")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := &face{kind: kind, log: cfg.Logger, cfg: cfg, stop: stop, ready: &readiness{checks: cfg.Checks}, used: newUsedKeys(), nudge: func() {}}
	if kind == Public {
		f.ready.spared = notOfMinors
	}
	var err error
	if f.metrics, err = newMetrics(cfg.Metrics, kind); err != nil {
		return nil, err
	}
	return f, nil
}

// handler builds the router: first what applies to every request, then the
// routes of the table.
func (f *face) handler(table []Route, who authenticator) (http.Handler, error) {
	protect := http.NewCrossOriginProtection()
	for _, origin := range f.cfg.Origins {
		if err := protect.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trusting an origin: %w", err)
		}
	}
	protect.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.write(w, r, refuse("request.cross_origin"))
	}))

	r := chi.NewRouter()
	r.Use(f.carry, f.measure, f.recover, f.headers(), protect.Handler, middleware.ClientIPFromRemoteAddr)
	if f.cfg.Session != nil {
		r.Use(f.cfg.Session)
	}
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { f.write(w, r, refuse("route.not_found")) })
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { f.write(w, r, refuse("request.method")) })
	r.Get("/healthz", f.healthz)
	r.Get("/readyz", f.readyz)

	limits := f.limiters()
	api := huma.NewAPI(document(f.kind), adapter{router: r, wrap: func(route Route) chi.Middlewares {
		chain := chi.Middlewares{limits[perMinute], deadline(route), f.authenticate(route, who), limits[perSession], f.body(route)}
		switch route.Limit {
		case none:
		case receipts: // counted by who asks, once that is known
			chain = append(chain, limits[receipts])
		default:
			chain = slices.Insert(chain, 1, limits[route.Limit])
		}
		return chain
	}})
	for _, route := range table {
		if route.Face == f.kind {
			route.register(api)
		}
	}
	if err := f.mount(r, limits); err != nil {
		return nil, err
	}
	return r, f.serveDocument(r, api, limits[perMinute])
}

// deadline bounds a request. A stream has its own end.
func deadline(route Route) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !route.Stream {
				ctx, cancel := context.WithTimeout(r.Context(), requestTime)
				defer cancel()
				r = r.WithContext(ctx)
			}
			if r.Body == http.NoBody {
				_ = readNoMore(w) // it may wait long to be told who asks
			}
			next.ServeHTTP(w, r)
		})
	}
}

// carry puts the face into the context, where the error constructor of huma
// finds it.
func (f *face) carry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), faceKey{}, f)
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			ctx = context.WithValue(ctx, remoteKey{}, from)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (f *face) headers() func(http.Handler) http.Handler {
	options := secure.Options{
		FrameDeny: true, ContentTypeNosniff: true, ReferrerPolicy: "no-referrer",
		ContentSecurityPolicy:   "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		CrossOriginOpenerPolicy: "same-origin", CrossOriginResourcePolicy: "same-origin",
		XDNSPrefetchControl: "off", PermissionsPolicy: "camera=(), geolocation=(), microphone=()",
	}
	if f.cfg.HSTS {
		options.STSSeconds, options.ForceSTSHeader = 2*365*24*3600, true
	}
	s := secure.New(options)
	return func(next http.Handler) http.Handler {
		return s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Nothing of a conversation stays in a browser or a proxy.
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Add("Vary", "Accept-Language, Authorization")
			next.ServeHTTP(w, r)
		}))
	}
}

// recover turns a panic into a plain failure. A panic's value can hold what
// somebody wrote; the log gets its type and the stack, whose frames hold none.
func (f *face) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler {
				panic(value)
			}
			err, isError := value.(error)
			var network *net.OpError
			if isError && errors.As(err, &network) {
				return // the client went away while it was answered
			}
			attrs := []any{"route", pattern(r), "kind", typeName(value), "stack", string(debug.Stack())}
			var fault runtime.Error
			if isError && errors.As(err, &fault) {
				attrs = append(attrs, "fault", fault.Error())
			}
			f.log.ErrorContext(r.Context(), "panic", attrs...)
			if statusOf(w) == 0 {
				f.write(w, r, refuse("service.failed"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// statusOf is what was answered so far, 0 for nothing yet.
func statusOf(w http.ResponseWriter) int {
	if recorded, ok := w.(middleware.WrapResponseWriter); ok {
		return recorded.Status()
	}
	return 0
}

// note logs a failure of the service: its code, and what broke, which is an
// error of ours. What PostgreSQL says of it can quote a value, and is left out.
func (f *face) note(ctx context.Context, p *Problem, err error) {
	if f.log != nil {
		f.log.WarnContext(ctx, "request failed", "code", p.Code, "error", pgfault.Describe(err))
	}
}
