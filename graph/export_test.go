package graph

import "testing"

// SmallStages limits the stages of machines to the given number of nodes until the test ends.
func SmallStages(t *testing.T, nodes int) {
	most, stage := mostNodes, stageNodes
	mostNodes, stageNodes = nodes, nodes
	t.Cleanup(func() { mostNodes, stageNodes = most, stage })
}
