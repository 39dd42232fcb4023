package custodian

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the gate, for alarms. No label names a case, a person or an
// escalation: there are none at all.
var (
	readyCases = prometheus.NewDesc("sceau_custodian_ready_cases",
		"Cases with fresh keys that a conversation can open with. At 0 no child can begin one.", nil, nil)
	possiblyOpened = prometheus.NewDesc("sceau_custodian_possibly_opened",
		"Orders to release whose outcome was never recorded.", nil, nil)
	possiblyOpenedOldest = prometheus.NewDesc("sceau_custodian_possibly_opened_oldest_seconds",
		"For how long the oldest of them has had none; 0 without any.", nil, nil)
	readingSessions = prometheus.NewDesc("sceau_custodian_reading_sessions",
		"Reading sessions whose key is in memory.", nil, nil)
	destructionBacklog = prometheus.NewDesc("sceau_custodian_destruction_backlog",
		"Keys that the log says are destroyed and that this process has not yet seen destroyed in Vault.", nil, nil)
	erasuresDueOldest = prometheus.NewDesc("sceau_custodian_erasures_due_oldest_seconds",
		"For how long the oldest erasure that was granted has waited to be carried out; 0 without any. What a hold keeps does not wait.", nil, nil)
	destructionsUnfounded = prometheus.NewDesc("sceau_custodian_destructions_unfounded",
		"Keys that the log says are destroyed by entries that nothing allows: somebody forged them. The keys are left in Vault.", nil, nil)
	headFollowed = prometheus.NewDesc("sceau_custodian_log_followed",
		"Entries of the log that were followed.", nil, nil)
	headBehind = prometheus.NewDesc("sceau_custodian_log_behind",
		"Entries that PostgreSQL was seen to have and that were not followed yet.", nil, nil)
	serving = prometheus.NewDesc("sceau_custodian_serving",
		"1 once the log was followed and all that it says is destroyed is destroyed.", nil, nil)
	vaultUp = prometheus.NewDesc("sceau_custodian_vault_up",
		"1 when Vault is unsealed and lets this process in.", nil, nil)
	postgresUp = prometheus.NewDesc("sceau_custodian_postgres_up",
		"1 when PostgreSQL answers and its log continues what was seen.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (c *Custodian) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readyCases, possiblyOpened, possiblyOpenedOldest, readingSessions,
		destructionBacklog, erasuresDueOldest, destructionsUnfounded, headFollowed, headBehind, serving, vaultUp, postgresUp} {
		to <- d
	}
}

// Collect implements [prometheus.Collector]. What cannot be asked is NaN.
func (c *Custodian) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	is := func(up bool) float64 {
		if up {
			return 1
		}
		return 0
	}
	_, err := c.lookAround(ctx)
	gauge(postgresUp, is(err == nil))
	ready := math.NaN()
	if n, err := c.countReady(ctx); err == nil {
		ready = float64(n)
	}
	gauge(readyCases, ready)
	waited := math.NaN()
	if oldest, err := c.erasuresWait(ctx); err == nil {
		waited = oldest.Seconds()
	}
	gauge(erasuresDueOldest, waited)
	gauge(vaultUp, is(c.vault.Ready(ctx) == nil))

	n, oldest := c.followed.possiblyOpened()
	gauge(possiblyOpened, float64(n))
	var age time.Duration
	if n > 0 {
		age = max(0, c.config.Now().Sub(oldest))
	}
	gauge(possiblyOpenedOldest, age.Seconds())
	gauge(readingSessions, float64(c.reading.count()))
	done, of := c.destroyer.progress()
	gauge(destructionBacklog, float64(max(of, c.destroyed.count())-done))
	gauge(destructionsUnfounded, float64(c.destroyer.disbelieved()))
	next, end := c.followed.way()
	gauge(headFollowed, float64(next))
	gauge(headBehind, float64(max(0, end-next)))
	gauge(serving, is(c.destroyer.isCleared()))
}
