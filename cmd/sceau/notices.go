package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sceau-project/sceau/internal/config"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/notice/mail"
	noticestore "github.com/sceau-project/sceau/notice/pgstore"
	"github.com/sceau-project/sceau/notice/webhook"
)

// noticeConnections is the size of the pool that notices have to themselves: a
// night full of them takes no connection from the people who work. Two of them
// listen.
const noticeConnections = 6

// newNotices makes the staff face's queue of notices and its channels. The pool
// that it returns is the queue's own; its caller closes it.
func newNotices(ctx context.Context, cfg *config.Config, logger *slog.Logger, metrics *prometheus.Registry) (*noticestore.Queue, *pgxpool.Pool, error) {
	channels, err := noticeChannels(cfg.Notices)
	if err != nil {
		return nil, nil, err
	}
	if len(channels) == 0 {
		logger.Warn("no notice calls anybody: notices has neither webhooks nor mail")
	}
	database := cfg.Database
	database.MaxConnections = noticeConnections
	pool, err := newPool(ctx, database, "staff-notices")
	if err != nil {
		return nil, nil, err
	}
	tries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sceau_notices_total", Help: "Tries to deliver a notice, by what became of them: delivered, failed, or dropped since nothing waited any more.",
	}, []string{"kind", "outcome"})
	metrics.MustRegister(tries)
	for _, k := range notice.Kinds() {
		for _, outcome := range noticestore.Outcomes {
			// From zero on: the first failure is an increase.
			tries.WithLabelValues(string(k), outcome)
		}
	}
	queue, err := noticestore.New(noticestore.Config{
		Pool: pool, Logger: logger, Channels: channels,
		Count: func(k notice.Kind, outcome string) { tries.WithLabelValues(string(k), outcome).Inc() },
	})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return queue, pool, nil
}

// noticeChannels reads the secrets of the channels from their files.
func noticeChannels(c config.Notices) (channels []noticestore.Channel, err error) {
	var roots *x509.CertPool
	if c.CACertificate != "" {
		pem, err := os.ReadFile(c.CACertificate)
		if err != nil {
			return nil, fmt.Errorf("reading notices.ca_certificate: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("notices.ca_certificate holds no certificate in PEM")
		}
	}
	for _, w := range c.Webhooks {
		secret, err := secretFile("notices.webhooks: "+w.Name, w.SecretFile)
		if err != nil {
			return nil, err
		}
		sender, err := webhook.New(webhook.Config{URL: w.URL, Secret: secret, Roots: roots})
		if err != nil {
			return nil, fmt.Errorf("notices.webhooks: %s: %w", w.Name, err)
		}
		channels = append(channels, noticestore.Channel{Name: w.Name, Roles: w.Roles, Lane: "webhooks", Sender: sender})
	}
	server := mail.Server{
		Host: c.Mail.Host, Port: c.Mail.Port, TLS: c.Mail.TLS, Roots: roots, From: c.Mail.From, Link: c.Link,
	}
	if server.Username, err = secretFile("notices.mail.username_file", c.Mail.UsernameFile); err != nil {
		return nil, err
	}
	if server.Password, err = secretFile("notices.mail.password_file", c.Mail.PasswordFile); err != nil {
		return nil, err
	}
	for _, r := range c.Mail.To {
		sender, err := mail.New(server, r.Address)
		if err != nil {
			return nil, fmt.Errorf("notices.mail.to: %s: %w", r.Name, err)
		}
		channels = append(channels, noticestore.Channel{Name: r.Name, Roles: r.Roles, Lane: "mail", Sender: sender})
	}
	return channels, nil
}

// secretFile reads a secret without the line's end. No path, no secret.
func secretFile(key, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", key, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// noticesEvery is how often what has become due is looked for. What an act of
// staff causes is queued by that act.
const noticesEvery = 5 * time.Second
