"""What is answered: `receiver` gives each input of a session its reply, `recipient` is the fixed step of RCPT."""
