"""What to verify next, what the labels drawn that way are worth, and how much more of them would gain."""

from noisette.planning.proposal import Proposal, propose

__all__ = ["Proposal", "propose"]
