"""Who may charge where: tokens, lists, questions to the CSMS, cards, reservations."""
