package web

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// guarded keeps a spreadsheet from taking a cell for a formula: an apostrophe comes before
// what would begin one.
func guarded(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		if _, err := strconv.ParseInt(cell, 10, 64); err != nil {
			return "'" + cell
		}
	}
	return cell
}

// sheet writes rows of CSV (RFC 4180).
type sheet struct{ w *csv.Writer }

func newSheet(to io.Writer, header ...string) (sheet, error) {
	t := sheet{csv.NewWriter(to)}
	t.w.UseCRLF = true
	return t, t.row(header...)
}

func (t sheet) row(cells ...string) error {
	for i := range cells {
		cells[i] = guarded(cells[i])
	}
	return t.w.Write(cells)
}

func (t sheet) end() error {
	t.w.Flush()
	return t.w.Error()
}
