package graph

import "testing"

// SmallStages has machines of only so many nodes a stage until the test ends.
func SmallStages(t *testing.T, nodes int) {
	most, stage := mostNodes, stageNodes
	mostNodes, stageNodes = nodes, nodes
	t.Cleanup(func() { mostNodes, stageNodes = most, stage })
}
