package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/policy"
)

const yes = "Oui, vous pouvez donner mon prénom."

func TestAConsentIsSealedAndTakenBack(t *testing.T) {
	w := newWorld(t)
	w.hire(amal)
	ctx := t.Context()
	o := w.open()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	key := clientKey()
	given, err := w.public.GiveConsent(ctx, o.Case, key, []conversation.Facet{"name", "connection"}, yes)
	w.ok(err)
	again, err := w.public.GiveConsent(ctx, o.Case, key, []conversation.Facet{"connection", "name"}, yes)
	w.ok(err)
	if again != given {
		t.Errorf("a repeat gave %+v, not %+v", again, given)
	}
	_, err = w.public.GiveConsent(ctx, o.Case, key, []conversation.Facet{"name"}, yes)
	w.refused("another consent under one key", err, pglog.ErrIdempotencyMismatch)

	list, err := w.staff.Consents(ctx, o.Case)
	w.ok(err)
	if len(list) != 1 || list[0].ID != given.ID || list[0].Withdrawn || !slices.Equal(list[0].Facets, []conversation.Facet{"connection", "name"}) || !list[0].At.Equal(given.At) {
		t.Fatalf("consents %+v", list)
	}
	fileKey := w.fileKey(w.keys[o.Case].transcript, list[0].Ciphertext)
	if words, err := list[0].Open(o.Case, fileKey); err != nil || words != yes {
		t.Errorf("the words are %q, %v", words, err)
	}
	// The header in the row is the one in the log, and the words open the commitment.
	header, err := seal.Header(list[0].Ciphertext)
	w.ok(err)
	said, err := seal.OpenText(list[0].Ciphertext, fileKey, seal.Consent(o.Case, given.ID))
	w.ok(err)
	folded := w.consent(o.Case, given.ID)
	if folded == nil || folded.Words != seal.HeaderSum(header) || !folded.Stands() {
		t.Errorf("the log says %+v", folded)
	}
	record, err := pglog.At(ctx, w.Super, folded.GivenSeq)
	w.ok(err)
	if record.Commitments["words"] != audit.Commit(said.Salt, "words", o.Case, []byte(yes)) {
		t.Error("the words do not open the commitment")
	}
	if strings.Contains(string(record.Leaf), "prénom") {
		t.Error("the words are in the leaf")
	}

	w.ok(w.public.CloseAsMinor(ctx, o.Case, clientKey()))
	w.ok(w.public.WithdrawConsent(ctx, o.Case, clientKey(), given.ID)) // also after closing
	w.ok(w.public.WithdrawConsent(ctx, o.Case, clientKey(), given.ID)) // nothing more to withdraw
	list, err = w.public.Consents(ctx, o.Case)
	w.ok(err)
	if !list[0].Withdrawn || w.consent(o.Case, given.ID).Stands() {
		t.Errorf("consents %+v", list)
	}
	_, err = w.public.GiveConsent(ctx, o.Case, clientKey(), []conversation.Facet{"name"}, yes)
	w.refused("consent after closing", err, conversation.ErrClosed)
}

func (w *world) consent(caseID, id string) *conversation.Consent {
	w.t.Helper()
	c := w.fold(caseID)
	return c.Consent(id)
}

func TestConsentsThatAreNone(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	o, other := w.open(), w.open()
	name := []conversation.Facet{"name"}
	theirs, err := w.public.GiveConsent(ctx, other.Case, clientKey(), name, yes)
	w.ok(err)
	for what, c := range map[string]struct {
		facets []conversation.Facet
		words  string
		want   error
	}{
		"no facet":         {nil, yes, conversation.ErrConsentFacets},
		"no known facet":   {[]conversation.Facet{"postal_code"}, yes, conversation.ErrConsentFacets},
		"one of two known": {[]conversation.Facet{"name", "transcript"}, yes, conversation.ErrConsentFacets},
		"one twice":        {[]conversation.Facet{"name", "name"}, yes, conversation.ErrConsentFacets},
		"two in one":       {[]conversation.Facet{"name,contact"}, yes, conversation.ErrConsentFacets},
		"no words":         {name, " \n", conversation.ErrWordsEmpty},
		"too many words":   {name, strings.Repeat("é", conversation.MaxWords+1), conversation.ErrWordsTooLong},
		"no text":          {name, "oui\x00", conversation.ErrWordsNotText},
	} {
		_, err := w.public.GiveConsent(ctx, o.Case, clientKey(), c.facets, c.words)
		w.refused(what, err, c.want)
	}
	_, err = w.public.GiveConsent(ctx, o.Case, clientKey(), name, strings.Repeat("é", conversation.MaxWords))
	w.ok(err)
	_, err = w.public.GiveConsent(ctx, uuid.NewString(), clientKey(), name, yes)
	w.refused("no conversation", err, conversation.ErrNotFound)
	for _, id := range []string{theirs.ID, uuid.NewString(), "", "x"} {
		w.refused("withdrawing "+id, w.public.WithdrawConsent(ctx, o.Case, clientKey(), id), conversation.ErrConsent)
	}
	if !w.consent(other.Case, theirs.ID).Stands() {
		t.Error("another child's consent was withdrawn")
	}
}

// Of every escalation that rests on a consent, whatever its state, those that are not
// over end in the withdrawal's own transaction; and no others.
func TestWithdrawingClosesWhatRestsOnIt(t *testing.T) {
	w := newWorld(t)
	w.hire(amal)
	ctx := t.Context()
	o := w.open()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	give := func() string {
		g, err := w.public.GiveConsent(ctx, o.Case, clientKey(), []conversation.Facet{"name"}, yes)
		w.ok(err)
		return g.ID
	}
	mine, other := give(), give()
	staff := w.log(audit.ViaStaff)
	lies := func(state string, consent *string, ground string) string {
		id := uuid.NewString()
		_, err := staff.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			ref, err := turn.Append(pglog.Draft{Actor: amal, Action: audit.Action(map[string]string{"approved": "escalation.approved",
				"denied": "escalation.denied"}[state] + map[bool]string{true: "escalation.requested"}[state != "approved" && state != "denied"]),
				Case: o.Case, Subject: audit.Subject{Type: "escalation", ID: id}, Ground: ground})
			if err != nil {
				return nil, err
			}
			_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.escalations (escalation_id, case_id, requester_id, requester_person, ground, state,
					requested_at, deadline, widen_at, last_seq, consent_id)
				VALUES ($1, $2, $3, $4, $5, $6::text, $7, CASE WHEN $6 = 'denied' THEN NULL ELSE $7::timestamptz + '1 day' END, $7, $8, $9)`,
				id, o.Case, amal.ID, amal.Person, ground, state, turn.At, ref.Seq, consent)
			return nil, err
		})
		w.ok(err)
		return id
	}
	for _, state := range []string{"requested", "approved", "released", "denied"} {
		lies(state, &mine, "consent")
	}
	lies("released", &other, "consent")
	lies("approved", nil, "imminent_danger")
	w.ok(w.public.WithdrawConsent(ctx, o.Case, clientKey(), mine))

	rows, err := w.Super.Query(ctx, `SELECT coalesce(consent_id = $1, false), state, deadline IS NULL, widen_at IS NULL,
			last_seq = (SELECT withdrawn_seq FROM sceau.consents WHERE consent_id = $1)
		FROM sceau.escalations ORDER BY last_seq`, mine)
	w.ok(err)
	var got []string
	for rows.Next() {
		var rests, noDeadline, noWidening, byWithdrawal bool
		var state string
		w.ok(rows.Scan(&rests, &state, &noDeadline, &noWidening, &byWithdrawal))
		got = append(got, fmt.Sprintf("%t %s %t %t %t", rests, state, noDeadline, noWidening, byWithdrawal))
	}
	w.ok(rows.Err())
	closed := "true closed true true true"
	want := []string{"true denied true false false", "false released false false false", "false approved false false false", closed, closed, closed}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("escalations\n%q, want\n%q", got, want)
	}
}

func TestAnOpinionIsSealed(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno, farah)
	ctx := t.Context()
	o := w.open()
	const note = "Elle parle de se faire du mal ce soir."
	_, err := w.staff.RecordOpinion(ctx, farah, o.Case, clientKey(), "danger", note)
	w.refused("an opinion from outside", err, conversation.ErrNotFound)
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	w.ok(w.staff.Join(ctx, farah, o.Case, clientKey()))
	_, err = w.staff.RecordOpinion(ctx, amal, o.Case, clientKey(), "danger", note)
	w.refused("an agent's opinion", err, conversation.ErrRole)
	_, err = w.staff.RecordOpinion(ctx, audit.Actor{ID: amal.ID, Person: amal.Person, Role: "psychologist"}, o.Case, clientKey(), "danger", note)
	w.refused("an agent's opinion under another role", err, conversation.ErrNotFound)
	_, err = w.staff.RecordOpinion(ctx, farah, o.Case, clientKey(), "none", note)
	w.refused("no opinion", err, conversation.ErrOpinion)
	_, err = w.staff.RecordOpinion(ctx, farah, o.Case, clientKey(), "danger", "")
	w.refused("an opinion without a note", err, conversation.ErrMessageEmpty)

	recorded, err := w.staff.RecordOpinion(ctx, farah, o.Case, clientKey(), "danger", note)
	w.ok(err)
	_, err = w.staff.RecordOpinion(ctx, farah, o.Case, clientKey(), "no_danger", "Elle va mieux.")
	w.ok(err)
	list, err := w.staff.Opinions(ctx, o.Case)
	w.ok(err)
	if len(list) != 2 || list[0].ID != recorded.ID || list[0].By != farah.ID || list[0].Opinion != "danger" {
		t.Fatalf("opinions %+v", list)
	}
	if got, err := list[0].Open(o.Case, w.fileKey(w.keys[o.Case].transcript, list[0].Ciphertext)); err != nil || got != note {
		t.Errorf("the note is %q, %v", got, err)
	}
	if c := w.fold(o.Case); c.Opinion() != "no_danger" || c.Opinions[0].Person != farah.Person {
		t.Errorf("the log says %+v", c.Opinions)
	}
	if _, err := w.public.Opinions(ctx, o.Case); err == nil {
		t.Error("the public face reads opinions")
	}
	w.ok(w.public.CloseAsMinor(ctx, o.Case, clientKey()))
	_, err = w.staff.RecordOpinion(ctx, farah, o.Case, clientKey(), "danger", note)
	w.refused("an opinion after closing", err, conversation.ErrClosed)
}

func TestOneErasureIsAskedForAtATime(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	o := w.open()
	w.ok(w.public.CloseAsMinor(ctx, o.Case, clientKey()))
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.public.RequestErasure(ctx, o.Case, clientKey()) })
	}
	wg.Wait()
	asked := 0
	for _, err := range errs {
		if err == nil {
			asked++
			continue
		}
		w.refused("a second erasure", err, conversation.ErrErasureWaiting)
	}
	list, err := w.public.Erasures(ctx, o.Case)
	w.ok(err)
	if asked != 1 || len(list) != 1 || list[0].Verdict != "" || !list[0].DecidedAt.IsZero() || w.fold(o.Case).Erasures[0].ID != list[0].ID {
		t.Errorf("%d were taken, there are %+v", asked, list)
	}
	_, err = w.public.RequestErasure(ctx, uuid.NewString(), clientKey())
	w.refused("no conversation", err, conversation.ErrNotFound)
}

// destroy destroys a key as the custodian's entry and row say it.
func (w *world) destroy(caseID string, classes ...string) {
	w.t.Helper()
	for _, class := range classes {
		w.do(func(ctx context.Context, turn *pglog.Turn) (any, error) {
			ref, err := turn.Append(pglog.Draft{Actor: custodian, Action: audit.ActionKeyDestroyed, Case: caseID,
				Subject: audit.Subject{Type: "key", ID: class}, Details: audit.Details{"reason": "retention"},
				Decision: &audit.Decision{ID: "d-1", Path: string(policy.PointKeyDestroy), Policy: "sha256:" + strings.Repeat("0", 64),
					Engine: policy.Engine, Input: audit.Commit(make([]byte, audit.SaltSize), "input", caseID, nil), Result: audit.ResultAllow}})
			if err != nil {
				return nil, err
			}
			_, err = turn.Tx.Exec(ctx, `UPDATE sceau.cases SET `+class+`_destroyed_seq = $2 WHERE case_id = $1`, caseID, ref.Seq)
			return nil, err
		})
	}
}

// What is sealed once a key is gone could never be opened: it is refused, not lost.
func TestNothingIsAddedToWhatIsErased(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, bruno, farah)
	ctx := t.Context()
	for _, class := range []string{"transcript", "identity"} {
		o, waiting := w.open(), w.open()
		w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
		w.ok(w.staff.Join(ctx, farah, o.Case, clientKey()))
		w.destroy(o.Case, class)
		w.destroy(waiting.Case, class)
		_, err := w.public.WriteAsMinor(ctx, o.Case, clientKey(), "Vous êtes là ?")
		w.refused("writing", err, conversation.ErrErased)
		_, err = w.staff.WriteAsStaff(ctx, amal, o.Case, clientKey(), "Oui")
		w.refused("answering", err, conversation.ErrErased)
		w.refused("entrusting", w.public.Entrust(ctx, o.Case, clientKey(), "name", "Camille"), conversation.ErrErased)
		_, err = w.public.GiveConsent(ctx, o.Case, clientKey(), []conversation.Facet{"name"}, yes)
		w.refused("consenting", err, conversation.ErrErased)
		_, err = w.staff.RecordOpinion(ctx, farah, o.Case, clientKey(), "danger", "Je m'inquiète.")
		w.refused("an opinion", err, conversation.ErrErased)
		w.refused("joining", w.staff.Join(ctx, bruno, waiting.Case, clientKey()), conversation.ErrNotFound)
		queue, err := w.staff.Queue(ctx)
		w.ok(err)
		if len(queue) != 0 {
			t.Errorf("without its %s key a conversation waits for an agent: %+v", class, queue)
		}
		_, err = w.Pool(t, "sceau_public").Exec(ctx, `INSERT INTO sceau.messages (case_id, position, author, at, ciphertext, chain)
			SELECT m.case_id, c.messages, 'minor', now(), m.ciphertext,
				sha256(convert_to(E'sceau.messages/v1\n', 'UTF8') || int8send(c.messages) || sha256(m.ciphertext) || c.head)
			FROM sceau.messages m JOIN sceau.conversations c USING (case_id) WHERE m.case_id = $1 AND m.position = 0`, o.Case)
		if err == nil || !strings.Contains(err.Error(), "does not continue its conversation") {
			t.Errorf("a face that asks nobody adds a message: %v", err)
		}
		// Coming back is possible while there is something to come back to.
		comesBack := map[string]error{"transcript": conversation.ErrErased, "identity": nil}[class]
		w.refused("coming back", w.public.Returned(ctx, o.Case, somewhere), comesBack)
		if c := w.fold(o.Case); c.Count(conversation.FacetConnection) != 1 {
			t.Errorf("sealed are %+v", c.Sealed)
		}
		_, err = w.public.RequestErasure(ctx, o.Case, clientKey())
		w.ok(err) // of what is left
		w.destroy(waiting.Case, map[string]string{"transcript": "identity", "identity": "transcript"}[class])
		_, err = w.public.RequestErasure(ctx, waiting.Case, clientKey())
		w.refused("an erasure of nothing", err, conversation.ErrErased)
	}
}

// Whoever has a face's password can write its entries, and rows that go with them; but
// none that says something else than its entry, and nothing of the other face's.
func TestRightsRowsSayWhatTheirEntriesSay(t *testing.T) {
	w := newWorld(t)
	w.hire(amal, farah)
	ctx := t.Context()
	o, other := w.open(), w.open()
	w.ok(w.staff.Join(ctx, amal, o.Case, clientKey()))
	w.ok(w.staff.Join(ctx, farah, o.Case, clientKey()))
	given, err := w.public.GiveConsent(ctx, o.Case, clientKey(), []conversation.Facet{"name"}, yes)
	w.ok(err)
	back, err := w.public.GiveConsent(ctx, o.Case, clientKey(), []conversation.Facet{"name"}, yes)
	w.ok(err)
	w.ok(w.public.WithdrawConsent(ctx, o.Case, clientKey(), back.ID))
	erasure, err := w.public.RequestErasure(ctx, o.Case, clientKey())
	w.ok(err)
	fresh := uuid.NewString()
	minorActor := audit.Actor{ID: "minor", Role: "minor"}
	olivia := audit.Actor{ID: "s-olivia", Person: "p-olivia", Role: "privacy_officer"}
	draft := func(who audit.Actor, action audit.Action, subject, id string, details audit.Details) pglog.Draft {
		return pglog.Draft{Actor: who, Action: action, Case: o.Case, Subject: audit.Subject{Type: subject, ID: id}, Details: details}
	}
	consent := func(id, facets string) pglog.Draft {
		return draft(minorActor, audit.ActionConsentGiven, "consent", id, audit.Details{"facets": facets})
	}
	const (
		newConsent = `INSERT INTO sceau.consents (consent_id, case_id, facets, words, given_at, given_seq)
			SELECT '%s', $1, '%s', words, now(), $2 FROM sceau.consents WHERE consent_id = '%s'`
		newOpinion = `INSERT INTO sceau.opinions SELECT '%s', $1, '%s', '%s', words, now(), $2 FROM sceau.consents WHERE consent_id = '%s'`
		newHold    = `INSERT INTO sceau.holds (hold_id, case_id, reason, set_at, set_seq) VALUES ('%s', $1, 'proceedings', now(), $2)`
		decideIt   = `UPDATE sceau.erasures SET verdict = '%s', decided_at = now(), decided_seq = $2 WHERE erasure_id = '%s' AND case_id = $1`
	)
	for what, c := range map[string]struct {
		via audit.Via
		d   pglog.Draft
		sql string
	}{
		"a consent that its entry does not name":  {audit.ViaPublic, consent(uuid.NewString(), "name"), fmt.Sprintf(newConsent, fresh, "name", given.ID)},
		"a consent to more than its entry":        {audit.ViaPublic, consent(fresh, "name"), fmt.Sprintf(newConsent, fresh, "connection,name", given.ID)},
		"a consent in place of a request":         {audit.ViaPublic, draft(minorActor, audit.ActionErasureRequested, "consent", fresh, nil), fmt.Sprintf(newConsent, fresh, "name", given.ID)},
		"withdrawn by another's withdrawal":       {audit.ViaPublic, draft(minorActor, audit.ActionConsentWithdrawn, "consent", back.ID, nil), `UPDATE sceau.consents SET withdrawn_seq = $2 WHERE case_id = $1 AND withdrawn_seq IS NULL`},
		"withdrawn by being given":                {audit.ViaPublic, consent(given.ID, "name"), `UPDATE sceau.consents SET withdrawn_seq = $2 WHERE case_id = $1 AND withdrawn_seq IS NULL`},
		"standing again":                          {audit.ViaPublic, consent(back.ID, "name"), `UPDATE sceau.consents SET withdrawn_seq = NULL WHERE case_id = $1 AND withdrawn_seq IS NOT NULL AND $2 >= 0`},
		"withdrawn again, later":                  {audit.ViaPublic, draft(minorActor, audit.ActionConsentWithdrawn, "consent", back.ID, nil), `UPDATE sceau.consents SET withdrawn_seq = $2 WHERE case_id = $1 AND withdrawn_seq IS NOT NULL`},
		"more facets afterwards":                  {audit.ViaPublic, consent(given.ID, "connection,name"), `UPDATE sceau.consents SET facets = 'connection,name' WHERE case_id = $1 AND $2 >= 0`},
		"other words afterwards":                  {audit.ViaPublic, consent(given.ID, "name"), `UPDATE sceau.consents SET words = words WHERE case_id = $1 AND $2 >= 0`},
		"a consent removed":                       {audit.ViaPublic, consent(given.ID, "name"), `DELETE FROM sceau.consents WHERE case_id = $1 AND $2 >= 0`},
		"a consent by staff":                      {audit.ViaStaff, draft(farah, audit.ActionOpinionRecorded, "consent", fresh, nil), fmt.Sprintf(newConsent, fresh, "name", given.ID)},
		"withdrawn by staff":                      {audit.ViaStaff, draft(farah, audit.ActionOpinionRecorded, "consent", given.ID, nil), `UPDATE sceau.consents SET withdrawn_seq = $2 WHERE case_id = $1`},
		"an opinion that its entry does not hold": {audit.ViaStaff, draft(farah, audit.ActionOpinionRecorded, "opinion", fresh, audit.Details{"opinion": "danger"}), fmt.Sprintf(newOpinion, fresh, farah.ID, "no_danger", given.ID)},
		"an opinion of somebody else":             {audit.ViaStaff, draft(farah, audit.ActionOpinionRecorded, "opinion", fresh, audit.Details{"opinion": "danger"}), fmt.Sprintf(newOpinion, fresh, amal.ID, "danger", given.ID)},
		"an opinion of another id":                {audit.ViaStaff, draft(farah, audit.ActionOpinionRecorded, "opinion", uuid.NewString(), audit.Details{"opinion": "danger"}), fmt.Sprintf(newOpinion, fresh, farah.ID, "danger", given.ID)},
		"an opinion by the public face":           {audit.ViaPublic, consent(fresh, "name"), fmt.Sprintf(newOpinion, fresh, farah.ID, "danger", given.ID)},
		"an erasure that the public face decides": {audit.ViaPublic, draft(minorActor, audit.ActionErasureRequested, "erasure", erasure.ID, audit.Details{"verdict": "granted"}), fmt.Sprintf(decideIt, "granted", erasure.ID)},
		"an erasure decided when it is made":      {audit.ViaPublic, draft(minorActor, audit.ActionErasureRequested, "erasure", fresh, nil), `INSERT INTO sceau.erasures VALUES ('` + fresh + `', $1, now(), $2, 'granted', NULL, now(), $2)`},
		"two erasures at once":                    {audit.ViaPublic, draft(minorActor, audit.ActionErasureRequested, "erasure", fresh, nil), `INSERT INTO sceau.erasures (erasure_id, case_id, requested_at, requested_seq) VALUES ('` + fresh + `', $1, now(), $2)`},
		"granted where the entry refuses":         {audit.ViaCustodian, draft(olivia, audit.ActionErasureDecided, "erasure", erasure.ID, audit.Details{"verdict": "refused"}), fmt.Sprintf(decideIt, "granted", erasure.ID)},
		"granted by the entry of another":         {audit.ViaCustodian, draft(olivia, audit.ActionErasureDecided, "erasure", fresh, audit.Details{"verdict": "granted"}), fmt.Sprintf(decideIt, "granted", erasure.ID)},
		"an erasure asked for by the custodian":   {audit.ViaCustodian, draft(olivia, audit.ActionErasureDecided, "erasure", fresh, nil), `INSERT INTO sceau.erasures (erasure_id, case_id, requested_at, requested_seq) VALUES ('` + fresh + `', $1, now(), $2)`},
		"a hold of another id":                    {audit.ViaStaff, draft(olivia, audit.ActionHoldSet, "hold", uuid.NewString(), nil), fmt.Sprintf(newHold, fresh)},
		"a hold by the public face":               {audit.ViaPublic, consent(fresh, "name"), fmt.Sprintf(newHold, fresh)},
		"a hold in place of its lifting":          {audit.ViaCustodian, draft(olivia, audit.ActionHoldLifted, "hold", fresh, nil), fmt.Sprintf(newHold, fresh)},
		"a key said to be destroyed":              {audit.ViaStaff, draft(olivia, audit.ActionHoldSet, "key", "identity", nil), `UPDATE sceau.cases SET identity_destroyed_seq = $2 WHERE case_id = $1`},
		"openings erased by staff":                {audit.ViaStaff, draft(olivia, audit.ActionHoldSet, "hold", fresh, nil), `DELETE FROM sceau.openings WHERE case_id = $1 AND seq <= $2`},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := w.log(c.via).Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
				ref, err := turn.Append(c.d)
				if err != nil {
					return nil, fmt.Errorf("the test's own entry: %w", err)
				}
				_, err = turn.Tx.Exec(ctx, c.sql, o.Case, ref.Seq)
				return nil, err
			})
			if err == nil || strings.Contains(err.Error(), "the test's own") {
				t.Errorf("answered %v", err)
			}
		})
	}
	// And no old entry stands behind a new row, nor one of another case.
	for role, sql := range map[string]string{
		"sceau_public": fmt.Sprintf(strings.ReplaceAll(newConsent, "$2", "given_seq"), fresh, "name", given.ID),
		"sceau_staff":  strings.ReplaceAll(fmt.Sprintf(newOpinion, fresh, farah.ID, "danger", given.ID), "$2", "given_seq"),
	} {
		if _, err := w.Pool(t, role).Exec(ctx, sql, other.Case); err == nil {
			t.Errorf("%s may: %s", role, sql)
		}
	}
	c := w.fold(o.Case)
	if len(c.Consents) != 2 || len(c.Opinions) != 0 || len(c.Erasures) != 1 || c.Erasures[0].Verdict != "" || len(c.Holds) != 0 {
		t.Errorf("the log says %+v", c)
	}
}
