package custodian

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
)

// opened is what came of unwrapping the facets of an intent.
type opened struct {
	keys         []order.FacetKey
	altered      []order.FacetItem // sealed by the log, and not to be opened
	vaultRequest string
}

// unwrapFacets reads the identity key and unwraps every sealed item of the
// facets. What is unwrapped is what the log recorded: each header must have
// the hash of its identity.sealed entry, and belong to the case's key.
//
// A compromised public face can write entries of items that are not there, or that
// were sealed to another key. One such must not keep an agent from the name and
// address of a child in danger: the others are opened, and it is reported, in the
// answer and in the log. When there is no other, nothing is opened.
func (c *Custodian) unwrapFacets(ctx context.Context, in intent) (opened, error) {
	headers, altered, err := c.facetHeaders(ctx, in)
	if err != nil {
		return opened{}, err
	}
	if len(headers) == 0 && len(altered) > 0 {
		return opened{}, fmt.Errorf("%w: %s", errAltered, formatItems(altered))
	}
	key, vaultRequest, err := c.readKey(ctx, in.recorded, &in.file.Conversation, seal.Identity)
	if err != nil {
		return opened{}, err
	}
	out := opened{altered: altered, vaultRequest: vaultRequest}
	for _, sealed := range in.file.Sealed {
		header, ok := headers[sealed]
		if !ok {
			continue
		}
		fileKey, err := key.FileKey(header)
		if err != nil {
			out.altered = append(out.altered, itemOf(sealed))
			continue
		}
		out.keys = append(out.keys, order.FacetKey{Facet: string(sealed.Facet), Number: sealed.Number, Key: fileKey})
	}
	if len(out.altered) > 0 {
		slices.SortFunc(out.altered, func(a, b order.FacetItem) int {
			return cmp.Or(cmp.Compare(a.Facet, b.Facet), cmp.Compare(a.Number, b.Number))
		})
		c.logger.ErrorContext(ctx, "sealed items of an identity are not what the log recorded, or were sealed to another key: look into the public face and the database",
			"intent", in.ref.Seq, "items", formatItems(out.altered))
	}
	if len(out.keys) == 0 && len(out.altered) > 0 {
		return opened{}, fmt.Errorf("%w: %s", errAltered, formatItems(out.altered))
	}
	return out, nil
}

// facetHeaders loads the headers that the log recorded of these facets, and lists
// what is missing or has other bytes. Rows that the log does not know are not
// looked at.
func (c *Custodian) facetHeaders(ctx context.Context, in intent) (headers map[conversation.Sealed][]byte, altered []order.FacetItem, err error) {
	rows, err := c.pool.Query(ctx, `
		SELECT facet, number, ciphertext FROM sceau.facets WHERE case_id = $1 AND facet = ANY($2)`, in.caseID, in.facets)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: reading facets: %w", errDatabase, err)
	}
	defer rows.Close()
	found := map[order.FacetItem][]byte{}
	for rows.Next() {
		var i order.FacetItem
		var ciphertext []byte
		if err := rows.Scan(&i.Facet, &i.Number, &ciphertext); err != nil {
			return nil, nil, fmt.Errorf("%w: reading facets: %w", errDatabase, err)
		}
		if header, err := seal.Header(ciphertext); err == nil {
			found[i] = header
		}
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("%w: reading facets: %w", errDatabase, err)
	}
	headers = map[conversation.Sealed][]byte{}
	for _, sealed := range in.file.Sealed {
		if !slices.Contains(in.facets, string(sealed.Facet)) {
			continue
		}
		header, ok := found[itemOf(sealed)]
		if !ok || seal.HeaderSum(header) != sealed.Header {
			altered = append(altered, itemOf(sealed))
			continue
		}
		headers[sealed] = header
	}
	return headers, altered, nil
}

func itemOf(s conversation.Sealed) order.FacetItem {
	return order.FacetItem{Facet: string(s.Facet), Number: s.Number}
}

// formatItems is how an entry lists items: "connection:2,name:0". A long list is
// cut, with its length at the end: a leaf has an end, and the answer has all of it.
func formatItems(items []order.FacetItem) string {
	const most = 100
	var all []string
	for _, i := range items[:min(most, len(items))] {
		all = append(all, i.Facet+":"+strconv.Itoa(i.Number))
	}
	if n := len(items) - most; n > 0 {
		all = append(all, "more:"+strconv.Itoa(n))
	}
	return strings.Join(all, ",")
}
