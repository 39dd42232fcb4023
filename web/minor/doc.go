// Package minor serves the pages of the public face: what a child reads before
// writing, the conversation, and what they may ask for.
//
// Every page works without a script. Titles and addresses tell nothing of what is
// read, because both stay in a browser's list of visited pages. With scripts the
// whole visit is one entry of the tab's history, so that Back leads to before it; the
// list itself only a private window keeps empty, as the welcome page says.
package minor
