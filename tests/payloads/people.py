"""A person who exists nowhere else, planted wherever Amazon can name one, and a search for what is left of her."""

from __future__ import annotations

from typing import Any

from tests.payloads.orders import Document, an_item, an_order

# Each stands for one place; the words are such that no other test, name or hash contains them.
PLANTED = {
    "name": "Zwaantje Plantagenet",
    "company": "Plantagenet Zwieback OHG",
    "email": "zwaantje.plantagenet@marketplace.example",
    "purchase order": "BESTELLNUMMER-PLANTAGENET",
    "street": "Plantagenetgasse 77b",
    "city": "Plantagenetfurt",
    "phone": "+49 77 7007 7007",
    "instruction": "Schlüssel unter Plantagenets Zwerg",
    "tax number": "DE-PLANTAGENET-777",
    "gift message": "Alles Liebe von Plantagenet",
    "customization": "https://zme-caps.example/t/plantagenet",
    "payment": "CARD-PLANTAGENET",
}
WORDS = tuple(PLANTED.values())


def personal_fields() -> Document:
    """Every documented place of an order that can name a person, filled with what is planted."""
    address = {
        "name": PLANTED["name"],
        "companyName": PLANTED["company"],
        "addressLine1": PLANTED["street"],
        "city": PLANTED["city"],
        "postalCode": "77077",
        "countryCode": "DE",
        "phone": PLANTED["phone"],
        "addressType": "RESIDENTIAL",
        "extendedFields": {"streetName": PLANTED["street"]},
    }
    return {
        "buyer": {
            "buyerName": PLANTED["name"],
            "buyerEmail": PLANTED["email"],
            "buyerCompanyName": PLANTED["company"],
            "buyerPurchaseOrderNumber": PLANTED["purchase order"],
        },
        "recipient": {
            "deliveryAddress": address,
            "deliveryPreference": {"addressInstruction": PLANTED["instruction"]},
        },
        "tax": {
            "taxRegistrations": [
                {"entityType": "MERCHANT", "legalName": "The Seller"},
                {
                    "entityType": "BUYER",
                    "legalName": PLANTED["company"],
                    "taxRegistrationNumber": PLANTED["tax number"],
                    "taxRegistrationAddress": address,
                },
            ],
            "taxInvoicing": {"invoiceStatus": "ACCEPTED"},
        },
        "payment": {"paymentExecutions": [{"paymentMethod": "CreditCard", "cardBrand": PLANTED["payment"]}]},
    }


def an_order_of_a_person(order_id: str = "303-0000001-0000001", **changes: Any) -> Document:
    """An order that names the planted person everywhere; keywords replace fields."""
    item = an_item(
        product={"title": "Teekanne", "customization": {"customizedUrl": PLANTED["customization"]}},
        fulfillment={"packing": {"giftOption": {"giftMessage": PLANTED["gift message"]}}},
    )
    return an_order(order_id, **{**personal_fields(), "orderItems": [item], **changes})
