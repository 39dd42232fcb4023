package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/config"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web"
)

type serveCommand struct {
	source
	Face string `enum:"public,staff" required:"" help:"Which face: public or staff."`
}

// Run serves a face. The two are separate processes: the anonymous one never
// shares memory with an opened identity.
func (s serveCommand) Run(w *world) error {
	role, via := config.RolePublic, audit.ViaPublic
	if s.Face == string(web.Staff) {
		role, via = config.RoleStaff, audit.ViaStaff
	}
	cfg, err := s.load(w, role)
	if err != nil {
		return err
	}
	logger, err := newLogger(w.stderr, cfg.Logging, s.Face)
	if err != nil {
		return err
	}
	pool, err := newPool(w.ctx, cfg.Database, s.Face)
	if err != nil {
		return err
	}
	defer pool.Close()
	log, err := openLog(w.ctx, pool, via, cfg.Log.Origin, logger)
	if err != nil {
		return err
	}
	defer log.Close()
	keys, err := seal.ParseRecipientKeys(cfg.Seal.RecipientsPublicKeys)
	if err != nil {
		return err
	}
	recipients, err := conversationstore.NewRecipients(pool, keys, logger)
	if err != nil {
		return err
	}
	conversations, err := conversationstore.NewStore(conversationstore.Config{Pool: pool, Log: log, Recipients: recipients})
	if err != nil {
		return err
	}
	custodian := order.NewClient(cfg.Custodian.Socket)
	defer custodian.Close()

	p := &parts{
		cfg: cfg, logger: logger, pool: pool, log: log, recipients: recipients, conversations: conversations, custodian: custodian,
		listener: conversationstore.NewListener(pool, 0), stop: make(chan struct{}), metrics: prometheus.NewRegistry(),
	}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sceau_recipients_refused_total", Help: "Recipients that were not the custodian's: above zero, somebody writes to the database.",
	}, func() float64 { return float64(recipients.Refused()) }))
	if role == config.RoleStaff {
		return p.staff(w.ctx)
	}
	return p.public(w.ctx)
}

// parts are what both faces are wired from.
type parts struct {
	cfg           *config.Config
	logger        *slog.Logger
	pool          *pgxpool.Pool
	log           *pglog.Log
	recipients    *conversationstore.Recipients
	conversations *conversationstore.Store
	listener      *conversationstore.Listener
	custodian     *order.Client
	metrics       *prometheus.Registry
	stop          chan struct{}
}

func (p *parts) common(face config.Face, checks ...web.Check) web.Config {
	return web.Config{
		Logger: p.logger, Metrics: p.metrics, Origins: face.Origins, DutyDesk: face.DutyDesk, HSTS: face.TLSCertificate != "" || strings.HasPrefix(face.URL, "https://"),
		Limits: web.Limits{
			RequestsPerMinute:    p.cfg.Limits.RequestsPerMinute,
			ConversationsPerHour: p.cfg.Limits.ConversationsPerHour,
			ReturnsPerHour:       p.cfg.Limits.ReturnsPerHour,
		},
		Checks: append(checks, p.database(), p.gate()),
	}
}

func (p *parts) database() web.Check {
	return web.Check{Name: "postgres", Down: func(ctx context.Context) []string {
		if p.pool.Ping(ctx) != nil {
			return []string{"postgres"}
		}
		if p.log.Ready(ctx) != nil {
			return []string{"log"}
		}
		return nil
	}}
}

// gate asks the custodian, and through it what is down behind it.
func (p *parts) gate() web.Check {
	return web.Check{Name: "custodian", Down: func(ctx context.Context) []string {
		ready, err := p.custodian.Ready(ctx)
		if err != nil {
			return []string{"custodian"}
		}
		return ready.Down
	}}
}

func (p *parts) public(ctx context.Context) error {
	face, err := web.NewPublic(web.PublicConfig{
		Config: p.minorPages(p.common(p.cfg.Public)), Conversations: p.conversations, Listener: p.listener,
		Custodian: p.custodian, Stop: p.stop,
	})
	if err != nil {
		return err
	}
	return p.run(ctx, p.cfg.Public, face)
}

func (p *parts) staff(ctx context.Context) error {
	tokens, err := newVerifier(p.cfg.OIDC, p.cfg.OIDC.StaffAudience)
	if err != nil {
		return err
	}
	defer tokens.Close()
	pinned, err := p.cfg.Policy.Pinned(p.cfg.Log.Origin)
	if err != nil {
		return err
	}
	active := policystore.NewActive(pinned)
	notices, pool, err := newNotices(ctx, p.cfg, p.logger, p.metrics)
	if err != nil {
		return err
	}
	defer pool.Close()
	p.conversations, err = conversationstore.NewStore(conversationstore.Config{
		Pool: p.pool, Log: p.log, Recipients: p.recipients, Notices: notices,
	})
	if err != nil {
		return err
	}
	escalations, err := escalationstore.New(escalationstore.Config{
		Pool: p.pool, Log: p.log, Policy: active, Recipients: p.recipients, Notices: notices,
	})
	if err != nil {
		return err
	}
	retained, err := retentionstore.New(retentionstore.Config{Pool: p.pool, Log: p.log, Policy: active})
	if err != nil {
		return err
	}
	issuer := web.Check{Name: "issuer", Down: func(ctx context.Context) []string {
		if tokens.Ready(ctx) != nil {
			return []string{"issuer"}
		}
		return nil
	}}
	sessions := staffstore.NewSessions(p.pool, p.log)
	p.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sceau_presence_unnoted_total", Help: "Requests whose member of staff could not be noted as on duty; nothing else was withheld from them.",
	}, func() float64 { return float64(sessions.Unnoted()) }))
	common := p.common(p.cfg.Staff, issuer)
	behind := []func(context.Context) error{
		p.watched(sweepEvery, "escalations", "recording what has expired", func(ctx context.Context) error {
			_, err := escalations.Sweep(ctx)
			return err
		}),
		p.watched(noticesEvery, "notices", "looking for what people must be called for", func(ctx context.Context) error {
			_, err := notices.Sweep(ctx)
			return err
		}),
		notices.Run,
	}
	signIn, closeSignIn, err := p.signIn(tokens, sessions)
	if err != nil {
		return err
	}
	defer closeSignIn()
	if signIn != nil {
		common.Session, common.Pages = signIn.Session, p.staffPages(signIn)
		behind = append(behind, signIn.Run)
	}
	face, err := web.NewStaff(web.StaffConfig{
		Config: common, Tokens: tokens, Sessions: sessions,
		Conversations: p.conversations, Listener: p.listener, Escalations: escalations, Retention: retained, Policy: active,
		Log: p.log, Reader: p.pool, Custodian: p.custodian, Stop: p.stop,
	})
	if err != nil {
		return err
	}
	p.metrics.MustRegister(queues{
		waiting: p.oldestWaiting, pending: escalations.Oldest, notices: notices.Backlog, overdue: notices.ReviewsOverdue,
	})
	return p.run(ctx, p.cfg.Staff, face, behind...)
}

// sweepEvery is how often what has expired is recorded. Whether it has expired
// never depends on it.
const sweepEvery = 2 * time.Second

// run serves a face, its metrics, and what runs behind it, until ctx ends or
// one of them fails; then all end.
func (p *parts) run(ctx context.Context, c config.Face, face *web.Face, behind ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	forget := func(ctx context.Context) error { return pruneAnswers(ctx, p.log, p.logger) }
	for _, task := range append(behind, p.listener.Run, forget) {
		group.Go(func() error {
			if err := task(ctx); err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
	}
	if c.Metrics != "" {
		group.Go(func() error { return serveMetrics(ctx, c.Metrics, p.metrics) })
	}
	group.Go(func() error {
		return web.Serve(ctx, web.Listen{
			Address: c.Listen, TrustedProxies: c.TrustedProxies,
			Certificate: c.TLSCertificate, Key: c.TLSKey, Grace: c.ShutdownGrace, Logger: p.logger,
		}, face, func() { close(p.stop) }, func(at net.Addr) { p.logger.Info("serving", "address", at.String()) })
	})
	err := group.Wait()
	end, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	face.Close(end)
	p.logger.Info("stopped")
	return err
}

// serveMetrics serves Prometheus on loopback or on a unix socket, where the
// configuration keeps it.
func serveMetrics(ctx context.Context, address string, metrics *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	network := "tcp"
	if path, unix := strings.CutPrefix(address, "unix:"); unix {
		network, address = "unix", path
		// Of an earlier life; what is no socket stays, and listening says so.
		if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
			_ = os.Remove(path)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if err != nil {
		return fmt.Errorf("listening for metrics: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving metrics: %w", err)
	}
	return nil
}
