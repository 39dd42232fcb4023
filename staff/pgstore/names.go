package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// PseudonymKey reads the key that figures give people their pseudonyms with. Who holds
// it can undo all of them: it is shown to nobody. The error is [ErrDatabase].
func PseudonymKey(ctx context.Context, q Querier) ([]byte, error) {
	var key []byte
	if err := q.QueryRow(ctx, `SELECT key FROM sceau.pseudonyms`).Scan(&key); err != nil {
		return nil, fmt.Errorf("%w: reading the key of pseudonyms: %w", ErrDatabase, err)
	}
	return key, nil
}

// Persons returns the random id of every human who ever signed in, in the order of the
// ids. The error is [ErrDatabase].
func Persons(ctx context.Context, q Querier) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT DISTINCT person_id FROM sceau.staff ORDER BY person_id`)
	if err != nil {
		return nil, fmt.Errorf("%w: reading who there is: %w", ErrDatabase, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("%w: reading who there is: %w", ErrDatabase, err)
	}
	return all, nil
}

// An Account is one of a human's.
type Account struct {
	ID   string // random, as entries name it
	Name string // "" when it was erased
}

// Accounts returns those of one human, in the order of their ids; none for somebody who
// does not exist. The error is [ErrDatabase].
func Accounts(ctx context.Context, q Querier, person string) ([]Account, error) {
	rows, err := q.Query(ctx, `SELECT staff_id, name FROM sceau.staff WHERE person_id = $1 ORDER BY staff_id`, person)
	if err != nil {
		return nil, fmt.Errorf("%w: reading names: %w", ErrDatabase, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Account])
	if err != nil {
		return nil, fmt.Errorf("%w: reading names: %w", ErrDatabase, err)
	}
	return all, nil
}
