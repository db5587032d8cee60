"""The policies that come with twistedmx, by name alone: every start of any twistd may import this."""

from twistedmx.policy.plugin import PolicyMaker

empty_message = PolicyMaker("empty-message", "twistedmx.policy.empty_message.EmptyMessage")
helo = PolicyMaker("helo", "twistedmx.policy.helo.Helo")
