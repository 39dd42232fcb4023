package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The files of an export.
const (
	LogFile      = "log.jsonl"
	OpeningsFile = "openings.jsonl"
	MetaFile     = "meta.json"
	BundlesDir   = "bundles"
)

// A Report is what [Verify] found.
type Report struct {
	Meta       Meta
	Checked    int64 // entries that hold, from Meta.First on
	Unknown    int64 // of these, of an action or version whose rules are not known here
	Committed  int64 // values that the entries commit to
	Opened     int64 // of these, values that came with their opening; the others are sealed or erased
	Policies   int   // policy bundles that the entries name
	Bundles    int   // bundle files checked
	Compared   int   // of Options.Known, those that the log still agrees with
	Uncompared int   // and those that lie before its first entry
	Warnings   []Warning
	Damage     *Damage // the first; nil when all holds
}

// Options of a verification. The zero value is fine.
type Options struct {
	// Known are hashes of entries, kept by the caller since an earlier look at
	// the log. Only they can show that the whole log was written anew.
	Known []Known
	// Progress, when set, is called now and then with the entries checked so far.
	Progress func(checked, total int64)
}

// A Known is the hash that entry Seq had when it was seen before.
type Known struct {
	Seq  int64
	Hash Hash
}

// Verify checks the export in fsys: every leaf's spelling, the chain from the
// origin (or from where pruning left it) to the head, the openings against
// their commitments, the policy bundles against their names, and what the
// entries say of releases. It reads each file once and in constant memory
// (releases under way and policies apart), and stops at the first damage.
//
// It proves that the export is one unbroken log. That it is the log others saw
// takes the hash of an entry that was kept elsewhere: see Options.Known.
func Verify(fsys fs.FS, opt Options) *Report {
	v := &verifier{fsys: fsys, opt: opt, report: new(Report)}
	v.known = slices.SortedFunc(slices.Values(opt.Known), func(a, b Known) int { return cmp.Compare(a.Seq, b.Seq) })
	v.report.Damage = v.run()
	return v.report
}

type verifier struct {
	fsys    fs.FS
	opt     Options
	report  *Report
	known   []Known // ascending; those that the walk has not met yet
	chain   *Chain
	rules   *rules
	opening *Opening // the next one, read ahead
	lines   *lines   // of openings.jsonl
	line    int64    // last line read there

	unfounded []Warning // decisions of faces by policies that are nowhere
}

func (v *verifier) run() *Damage {
	if d := v.readMeta(); d != nil {
		return d
	}
	m := v.report.Meta
	v.chain = ContinueChain(m.First, m.Prev)
	v.rules = newRules(m.First > 0)

	// A pruned export says itself what hash must come before its first entry,
	// so hashes of older entries cannot be compared with it.
	for len(v.known) > 0 && v.known[0].Seq < m.First-1 {
		v.known = v.known[1:]
		v.report.Uncompared++
	}
	if d := v.compare(m.First-1, m.Prev); d != nil {
		return d
	}

	openings, d := v.open(OpeningsFile, NoSeq)
	if d != nil {
		return d
	}
	defer openings.Close()
	v.lines = newLines(openings, MaxOpening)
	log, d := v.open(LogFile, m.First)
	if d != nil {
		return d
	}
	defer log.Close()

	if d := v.readOpening(); d != nil {
		return d
	}
	if v.opening != nil && v.opening.Seq < m.First {
		return v.badOpening(v.opening.Seq, errors.New("of an entry before the first"))
	}
	if d := v.readLog(log); d != nil {
		return d
	}
	if v.opening != nil {
		return v.badOpening(v.opening.Seq, errors.New("of an entry after the last"))
	}
	if d := v.checkBundles(); d != nil {
		return d
	}
	v.report.Unknown += v.rules.unknown
	v.report.Warnings = append(v.rules.warnings(), v.unfounded...)
	slices.SortStableFunc(v.report.Warnings, func(a, b Warning) int { return cmp.Compare(a.Seq, b.Seq) })
	return nil
}

// open refuses what is no plain file: reading a device or a pipe could go on
// for ever.
func (v *verifier) open(name string, seq int64) (fs.File, *Damage) {
	info, err := fs.Stat(v.fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a plain file", name)
	}
	var f fs.File
	if err == nil {
		f, err = v.fsys.Open(name)
	}
	if err != nil {
		return nil, damaged(seq, CodeUnreadable, "%v", err)
	}
	return f, nil
}

func (v *verifier) readMeta() *Damage {
	f, d := v.open(MetaFile, NoSeq)
	if d != nil {
		return d
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return damaged(NoSeq, CodeUnreadable, "%v", err)
	}
	if v.report.Meta, err = parseMeta(b); err != nil {
		return damaged(NoSeq, CodeMeta, "%v", err)
	}
	return nil
}

// progressEvery is a power of two: about ten calls a second.
const progressEvery = 1 << 15

func (v *verifier) readLog(log io.Reader) *Damage {
	m := v.report.Meta
	end := m.First + m.Count
	in := newLines(log, MaxLeaf)
	for {
		prefixed, err := in.next()
		seq := v.chain.Seq
		switch {
		case err == nil && seq < end:
		case err == nil:
			return damaged(seq, CodeSurplus, "meta.json counts %d", m.Count)
		case errors.Is(err, io.EOF):
			if seq < end {
				return damaged(seq, CodeCut, "meta.json counts %d, the file has %d", m.Count, v.report.Checked)
			}
			if len(v.known) > 0 {
				return damaged(seq, CodeCut, "the log had an entry %d", v.known[0].Seq)
			}
			if v.chain.Head != m.Head {
				return damaged(max(end-1, m.First), CodeHead, "the last hash is %s, meta.json says %s", v.chain.Head, m.Head)
			}
			return nil
		case errors.Is(err, errNoNewline):
			return damaged(seq, CodeNewline, "")
		case errors.Is(err, errLineTooLong):
			return damaged(seq, CodeLeaf, "%v", ErrTooLong)
		default:
			return damaged(seq, CodeUnreadable, "%v", err)
		}
		if d := v.entry(prefixed); d != nil {
			return d
		}
		if v.opt.Progress != nil && v.report.Checked%progressEvery == 0 {
			v.opt.Progress(v.report.Checked, m.Count)
		}
	}
}

// entry checks one line; prefixed[0] is free for the hash's prefix.
func (v *verifier) entry(prefixed []byte) *Damage {
	prefixed[0] = 0
	if d := v.chain.next(prefixed[1:], sha256.Sum256(prefixed)); d != nil {
		return d
	}
	e := &v.chain.leaf
	if d := v.compare(e.seq, v.chain.Head); d != nil {
		return d
	}
	if v.chain.known {
		if d := v.rules.observe(e, v.chain.Head); d != nil {
			return d
		}
		v.report.Committed += int64(len(e.commitments))
		if e.decision[decisionInput] != nil {
			v.report.Committed++
		}
	} else {
		v.report.Unknown++
	}
	for v.opening != nil && v.opening.Seq == e.seq {
		if v.chain.known {
			if err := v.opening.opens(e); err != nil {
				return v.badOpening(e.seq, err)
			}
			v.report.Opened++
		}
		if d := v.readOpening(); d != nil {
			return d
		}
	}
	v.report.Checked++
	return nil
}

// compare holds the entry's hash against those that the caller knows.
func (v *verifier) compare(seq int64, hash Hash) *Damage {
	for len(v.known) > 0 && v.known[0].Seq == seq {
		if v.known[0].Hash != hash {
			return damaged(seq, CodeKnown, "its hash is %s, it was %s", hash, v.known[0].Hash)
		}
		v.known = v.known[1:]
		v.report.Compared++
	}
	return nil
}

// readOpening reads the next opening ahead. They come sorted by entry and
// field, as an export writes them: so one pass over both files is enough.
func (v *verifier) readOpening() *Damage {
	last := v.opening
	v.opening = nil
	v.line++
	prefixed, err := v.lines.next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	seq := NoSeq
	if last != nil {
		seq = last.Seq
	}
	if err != nil {
		return v.badOpening(seq, err)
	}
	o, err := parseOpening(prefixed[1:])
	if err != nil {
		return v.badOpening(seq, err)
	}
	if last != nil && (o.Seq < last.Seq || o.Seq == last.Seq && o.Field <= last.Field) {
		return v.badOpening(o.Seq, errors.New("not sorted by seq and field, each once"))
	}
	v.opening = &o
	return nil
}

func (v *verifier) badOpening(seq int64, err error) *Damage {
	return damaged(seq, CodeOpening, "%s line %d: %v", OpeningsFile, v.line, err)
}

// checkBundles hashes the bundles that came with the log, and asks for those
// that it names. An export whose last entry is its own log.exported was made to
// be complete; leaves that came another way may lack the folder.
func (v *verifier) checkBundles() *Damage {
	v.report.Policies = len(v.rules.policies)
	names, err := fs.ReadDir(v.fsys, BundlesDir)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return damaged(NoSeq, CodeUnreadable, "%v", err)
	}
	named := make(map[string]int64, len(v.rules.policies))
	var first *Damage
	worst := func(d *Damage) {
		if first == nil || first.Seq == NoSeq || d.Seq != NoSeq && d.Seq < first.Seq {
			first = d
		}
	}
	exported := v.report.Checked > 0 && v.chain.known && string(v.chain.leaf.action) == string(ActionLogExported)
	missing := func(policy string, seq int64) error {
		file, err := bundleName(policy)
		if err == nil {
			named[file] = seq
			if !absent {
				_, err = fs.Stat(v.fsys, path.Join(BundlesDir, file))
			} else if exported {
				err = fmt.Errorf("%s is missing", path.Join(BundlesDir, file))
			}
		}
		if absent && !exported {
			return nil
		}
		return err
	}
	for policy, seq := range v.rules.claimed {
		if _, ok := v.rules.policies[policy]; ok {
			continue
		}
		v.report.Policies++
		if err := missing(policy, seq); err != nil {
			v.unfounded = append(v.unfounded, Warning{Seq: seq, Code: CodeUnfounded, Detail: err.Error()})
		}
	}
	for policy, seq := range v.rules.policies {
		if err := missing(policy, seq); err != nil {
			worst(damaged(seq, CodeBundle, "%v", err))
		}
	}
	for _, entry := range names {
		sum, ok := strings.CutSuffix(entry.Name(), ".tar.gz")
		if !ok || len(sum) != 64 || !isHex(sum) {
			continue // not ours: a folder view's file, a note
		}
		seq, ok := named[entry.Name()]
		if !ok {
			seq = NoSeq
		}
		if d := v.checkBundle(path.Join(BundlesDir, entry.Name()), sum, seq); d != nil {
			worst(d)
		}
		v.report.Bundles++
	}
	return first
}

func (v *verifier) checkBundle(name, sum string, seq int64) *Damage {
	f, d := v.open(name, seq)
	if d != nil {
		return d
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return damaged(seq, CodeUnreadable, "%v", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return damaged(seq, CodeBundle, "%s has the SHA-256 %s", name, got)
	}
	return nil
}
