package policy

import (
	"encoding/json"
	"errors"
	"fmt"
)

// read parses what the rules returned: allow, reasons and obligations, each
// present, each of its type, and nothing else. Anything else, or a
// contradiction, counts as no answer.
func (d *Decision) read(value any) error {
	top, ok := value.(map[string]any)
	if !ok || len(top) != 3 {
		return errors.New("not an object of allow, reasons and obligations")
	}
	allow, ok := top["allow"].(bool)
	if !ok {
		return errors.New("allow is not a boolean")
	}
	reasons, err := texts(top["reasons"])
	if err != nil {
		return fmt.Errorf("reasons: %w", err)
	}
	if allow != (len(reasons) == 0) {
		return errors.New("allowed with reasons against, or refused without")
	}
	duties, ok := top["obligations"].(map[string]any)
	if !ok {
		return errors.New("obligations are not an object")
	}
	d.Allow, d.Reasons = allow, reasons
	for name, v := range duties {
		if err := d.Obligations.read(name, v); err != nil {
			return fmt.Errorf("obligations.%s: %w", name, err)
		}
	}
	return nil
}

func (o *Obligations) read(name string, v any) (err error) {
	switch name {
	case "approvals":
		o.Approvals, err = approvals(v)
	case "answer_within_s":
		o.AnswerWithinS, err = whole(v)
	case "remind_after_s":
		o.RemindAfterS, err = whole(v)
	case "widen_after_s":
		o.WidenAfterS, err = whole(v)
	case "use_within_s":
		o.UseWithinS, err = whole(v)
	case "read_for_s":
		o.ReadForS, err = whole(v)
	case "uses":
		o.Uses, err = whole(v)
	case "facets":
		o.Facets, err = texts(v)
	case "break_glass_after_s":
		o.BreakGlassAfterS, err = whole(v)
	case "review_within_s":
		o.ReviewWithinS, err = whole(v)
	case "tell_within_s":
		o.TellWithinS, err = whole(v)
	case "unsafe_again_s":
		o.UnsafeAgainS, err = whole(v)
	case "tellable":
		o.Tellable, err = texts(v)
	case "scope":
		var ok bool
		if o.Scope, ok = v.(string); !ok || o.Scope != ScopeMessages && o.Scope != ScopeRequisition {
			err = errors.New("no scope of a reading")
		}
	default:
		// Callers could not fulfil an obligation that this version does not
		// know.
		err = errors.New("unknown")
	}
	return err
}

func approvals(v any) ([]ApprovalNeeded, error) {
	items, ok := v.([]any)
	if !ok {
		return nil, errors.New("not a list")
	}
	all := make([]ApprovalNeeded, len(items))
	for i, item := range items {
		fields, _ := item.(map[string]any)
		role, ok := fields["role"].(string)
		count, err := whole(fields["count"])
		if !ok || err != nil || len(fields) != 2 {
			return nil, errors.New("not a list of role and count")
		}
		all[i] = ApprovalNeeded{Role: role, Count: count}
	}
	return all, nil
}

func texts(v any) ([]string, error) {
	items, ok := v.([]any)
	if !ok {
		return nil, errors.New("not a list")
	}
	all := make([]string, len(items))
	for i, item := range items {
		if all[i], ok = item.(string); !ok {
			return nil, errors.New("not a list of texts")
		}
	}
	return all, nil
}

func whole(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("not a number")
	}
	i, err := n.Int64()
	if err != nil || i < 0 {
		return 0, errors.New("not a whole number of at least 0")
	}
	return i, nil
}
