"""What is told: `stream` hands every event to its subscribers, `log` is the first of them. Nothing here decides."""
