package testca

import (
	"bytes"
	"testing"
)

func TestSameSeedIssuesTheSameBytes(t *testing.T) {
	first, err := New("seed")
	if err != nil {
		t.Fatal(err)
	}
	second, err := New("seed")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.RootsPEM(), second.RootsPEM()) {
		t.Error("the roots differ")
	}
	leaves := map[string]uint64{}
	for n := range uint64(2 * len(kinds)) {
		a, err := first.Submission(n)
		if err != nil {
			t.Fatal(err)
		}
		b, err := second.Submission(n)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bytes.Join(a.Chain, nil), bytes.Join(b.Chain, nil)) {
			t.Errorf("chain %d differs", n)
		}
		if other, seen := leaves[string(a.Chain[0])]; seen {
			t.Errorf("leaves %d and %d are the same", other, n)
		}
		leaves[string(a.Chain[0])] = n
	}
	third, err := New("another seed")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first.RootsPEM(), third.RootsPEM()) {
		t.Error("another seed has the same roots")
	}
}
