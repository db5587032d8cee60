"""The field's words as frozen values: who is there, what came, where it goes, what was decided, what happened."""
