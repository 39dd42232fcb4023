package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests by route pattern, method and status: never by an id,
// an address or anything that was sent.
type metrics struct {
	seconds *prometheus.HistogramVec
	streams prometheus.Gauge
}

func newMetrics(to prometheus.Registerer, kind Kind) (*metrics, error) {
	labels := prometheus.Labels{"face": string(kind)}
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sceau_http_request_seconds", Help: "Time to answer a request.", ConstLabels: labels,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "method", "status"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sceau_http_streams", Help: "Event streams that are open.", ConstLabels: labels,
		}),
	}
	if to == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.seconds, m.streams} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("registering a metric: %w", err)
		}
	}
	return m, nil
}

// measure times requests and, at debug level, logs them: method, route, status
// and duration, nothing else.
func (f *face) measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		recorded := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			took := time.Since(began)
			status := recorded.Status()
			if status == 0 {
				status = http.StatusOK
			}
			route, method := pattern(r), knownMethod(r.Method)
			f.metrics.seconds.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
			f.log.DebugContext(r.Context(), "request", "method", method, "route", route, "status", status, "ms", took.Milliseconds())
		}()
		next.ServeHTTP(recorded, r)
	})
}

// pattern is the route that answered; what matched none is one pattern, so that
// a client cannot invent labels.
func pattern(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		if p := c.RoutePattern(); p != "" && p != "/*" {
			return p
		}
	}
	return "none"
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return method
	}
	return "other"
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }
