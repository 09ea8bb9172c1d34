"""A stand-in for Amazon on loopback: Login with Amazon, the Selling Partner API, and shops that sell.

It behaves as Amazon is documented to, with the literal bodies users have recorded, and it shares no code with the
product's own rooms, so that the two can disagree. It refuses to know what the product does with an answer.
"""
