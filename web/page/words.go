package page

import (
	"fmt"
	"net/url"
	"time"
	_ "time/tzdata" // French time wherever this runs
)

// Paris is where the readers are, whose times the pages show and the forms take.
var Paris = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic("page: no time zone of Paris, though it is built in: " + err.Error())
	}
	return zone
}()

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func clock(l Lang, at time.Time) string {
	return at.In(Paris).Format(l.T("15\u00a0h\u00a004", "15:04"))
}

// Moment is a time as people of this service read it: in French time.
func Moment(l Lang, at time.Time) string {
	return at.In(Paris).Format(l.T("02/01/2006 à 15\u00a0h\u00a004", "2 January 2006, 15:04"))
}

// Day is a date.
func Day(l Lang, at time.Time) string {
	return at.In(Paris).Format(l.T("02/01/2006", "2 January 2006"))
}

// Clock is a time of the day.
func Clock(l Lang, at time.Time) string { return clock(l, at) }

// Duration says seconds in words, coarsely.
func Duration(l Lang, seconds int64) string {
	switch d := time.Duration(seconds) * time.Second; {
	case d < time.Minute:
		return l.T("moins d'une minute", "less than a minute")
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf(l.T("%d h %02d", "%d h %02d min"), int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf(l.T("%d jours", "%d days"), int(d.Hours())/24)
	}
}

// RoleName is what a role of staff is called.
func RoleName(l Lang, role string) string {
	switch role {
	case "agent":
		return l.T("agent", "agent")
	case "psychologist":
		return l.T("psychologue", "psychologist")
	case "supervisor":
		return l.T("superviseur", "supervisor")
	case "inspector":
		return l.T("inspection", "inspector")
	case "privacy_officer":
		return l.T("protection des données", "privacy officer")
	case "minor":
		return l.T("jeune", "young person")
	case "service":
		return l.T("le service", "the service")
	}
	return role
}

func escape(path string) string { return url.QueryEscape(path) }
