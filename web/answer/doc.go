// Package answer is the screen on which a request to lift anonymity is answered: by a
// supervisor, who sees what it rests on, and on a magistrate's order by a privacy officer,
// who sees the order alone. It also has what comes after: revoking, and reviewing a broken
// glass.
//
// What may be read and answered is the API's to say. Reading is an entry of the log, so
// nothing is read by opening the page: it takes a button, and what was read is shown once,
// in the answer to it.
package answer
