package conversation

import "slices"

// A Topic is what the minor says the conversation is about: one of a coded list,
// so that it can be in the queue, in a leaf and in figures without telling
// anything of one child.
type Topic string

// The topics.
const (
	TopicPhysicalViolence      Topic = "physical_violence"
	TopicPsychologicalViolence Topic = "psychological_violence"
	TopicSexualViolence        Topic = "sexual_violence"
	TopicSchoolHarassment      Topic = "school_harassment"
	TopicCyberHarassment       Topic = "cyber_harassment"
	TopicIllTreatment          Topic = "ill_treatment"
	TopicNeglect               Topic = "neglect"
	TopicExploitation          Topic = "exploitation"
	TopicSextortion            Topic = "sextortion"
	TopicShockingContent       Topic = "shocking_content"
	TopicThreats               Topic = "threats"
	TopicAddiction             Topic = "addiction"
	TopicOther                 Topic = "other"
)

// Topics lists every topic, in the order in which a page offers them.
var Topics = []Topic{
	TopicPhysicalViolence, TopicPsychologicalViolence, TopicSexualViolence,
	TopicSchoolHarassment, TopicCyberHarassment,
	TopicIllTreatment, TopicNeglect, TopicExploitation,
	TopicSextortion, TopicShockingContent, TopicThreats,
	TopicAddiction, TopicOther,
}

// Known tells whether t is one of [Topics].
func (t Topic) Known() bool { return slices.Contains(Topics, t) }

// A Facet is one part of what could tell who the minor is.
type Facet string

// The facets. The connection is sealed by the service; the others are entrusted
// by the minor, if ever.
const (
	FacetConnection Facet = "connection"
	FacetName       Facet = "name"
	FacetContact    Facet = "contact"
	FacetLocation   Facet = "location"
)

// Facets lists every facet.
var Facets = []Facet{FacetConnection, FacetName, FacetContact, FacetLocation}

// Known tells whether f is one of [Facets].
func (f Facet) Known() bool { return slices.Contains(Facets, f) }

// Entrusted tells whether f is a facet that a minor entrusts.
func (f Facet) Entrusted() bool { return f.Known() && f != FacetConnection }
